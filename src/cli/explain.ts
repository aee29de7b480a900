/** `waxdp explain`: what would happen to a packet, and why. */
import { type Command, Option } from "commander";
import type { Proto } from "../dataplane/entries.ts";
import { type Explanation, explain, type FlowSpec } from "../explain.ts";
import { InputError } from "./failure.ts";
import { checkFamilies, type NamedFlow, parseFrom, parseTo, readFlows } from "./flows.ts";
import { addSetupOptions, prepare, type SetupOptions } from "./setup.ts";
import { painter, printable, VERDICT_STYLES } from "./terminal.ts";

interface ExplainOptions extends SetupOptions {
  readonly file: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly proto?: Proto;
  readonly interface?: string;
  readonly local?: boolean;
  readonly flows?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  waxdp explain -f manifests/ --node worker-1 --from 10.244.1.9 --to 10.96.0.10:53 --proto udp
  waxdp explain -f manifests/ --node worker-1 --from 198.51.100.7 --to [2001:db8::10]:443
  waxdp explain -f manifests/ --node worker-1 --flows flows.jsonl --json
  echo '{"id":"a","saddr":"10.244.1.9","daddr":"10.96.0.1","dport":443,"proto":"tcp"}' |
    waxdp explain -f manifests/ --node worker-1 --flows -

Each flow is judged against fresh state. Exit status: 0 explained, 2 wrong usage or bad input.`;

export function register(program: Command): void {
  const command = program
    .command("explain")
    .description("Says what would happen to the first packet of a flow, and why, step by step.");
  addSetupOptions(command, "needed")
    .option("--from <address[:port]>", "who sends it (port 40000 unless given)")
    .option("--to <address:port>", "what is dialled")
    .addOption(
      new Option("--proto <proto>", "tcp, udp or sctp (default: tcp)").choices([
        "tcp",
        "udp",
        "sctp",
      ]),
    )
    .option("--interface <name>", "device it comes in on, for detectLocalMode by interface")
    .option("--local", "the node itself sends it")
    .option(
      "--flows <file>",
      'one {"id", "saddr", "sport", "daddr", "dport", "proto"} per line (- for stdin)',
    )
    .option("--json", "print one JSON object per flow")
    .addHelpText("after", EXAMPLES)
    .action(run);
}

async function run(options: ExplainOptions): Promise<void> {
  const flows = flowsOf(options);
  const setup = await prepare(options);
  const dataplane = await setup.create(options.engine);
  const show = options.json ? showJson : showText;
  for await (const { id, flow } of flows) show(id, explain(dataplane, flow));
}

function flowsOf(options: ExplainOptions): AsyncIterable<NamedFlow> | Iterable<NamedFlow> {
  const { flows, from, to, proto, local, file } = options;
  if (flows === undefined) return [{ id: null, flow: flowOf(options) }];
  const extra = [from, to, proto, options.interface, local].some((value) => value !== undefined);
  if (extra)
    throw new InputError("--flows and a flow in options exclude each other; give one of them");
  if (flows === "-" && file.includes("-")) {
    throw new InputError("only one of -f and --flows can be the standard input");
  }
  return readFlows(flows);
}

function flowOf({ from, to, proto = "tcp", interface: device, local }: ExplainOptions): FlowSpec {
  if (from === undefined || to === undefined) {
    throw new InputError("which flow? Give --from ADDRESS and --to ADDRESS:PORT, or --flows FILE");
  }
  const flow = { ...parseFrom(from), ...parseTo(to), proto, interface: device, local };
  checkFamilies(`--from ${from} --to ${to}`, flow);
  return flow;
}

/** The order of the fields is part of the interface. */
function showJson(id: unknown, explanation: Explanation): void {
  const { verdict, action, reason, conntrack, service, backend, masquerade } = explanation;
  const { before, after, candidates, steps } = explanation;
  const event = { verdict, action, reason, conntrack, service, backend, masquerade, before, after };
  process.stdout.write(`${JSON.stringify({ id, ...event, candidates, steps })}\n`);
}

function showText(id: unknown, explanation: Explanation): void {
  const paint = painter(process.stdout);
  const { verdict, action, reason, service, backend, steps } = explanation;
  const words = [action, reason && `(${reason})`, service, backend && `-> ${backend}`].filter(
    Boolean,
  );
  const name = id === null ? "" : `${paint("bold", printable(String(id)))}: `;
  const lines = steps.map((step, index) => `  ${paint("dim", `${index + 1}.`)} ${step}`);
  const heading = `${name}${paint(VERDICT_STYLES[verdict], verdict)} ${words.join(" ")}`;
  process.stdout.write(`${[heading, ...lines].join("\n")}\n`);
}
