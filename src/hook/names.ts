/** Names of links by their numbers. They outlive the links: an event may be read after its link is gone. */

/** As many of those that are gone are remembered. */
const REMEMBERED_MAX = 1024;

export interface LinkNames {
  note(link: { readonly id: number; readonly name: string }): void;
  /** It is gone: to be forgotten when enough others are. */
  retire(id: number): void;
  /** Undefined for what was never noted, and for what is forgotten. */
  of(id: number): string | undefined;
}

export function createLinkNames(): LinkNames {
  const names = new Map<number, string>();
  const retired = new Set<number>();
  return {
    note: ({ id, name }) => names.set(id, name),
    retire(id) {
      retired.add(id);
      const [oldest = id] = retired;
      if (retired.size <= REMEMBERED_MAX) return;
      retired.delete(oldest);
      names.delete(oldest);
    },
    of: (id) => names.get(id),
  };
}
