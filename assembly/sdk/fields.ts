/** What fields of records mean, so that `dp.maps` shows them as people write them. All stand as in the packet. */

/** Numbers in network order; `bswap` speaks them. */
export type Be16 = u16;
export type Be32 = u32;
export type Be64 = u64;
/** An IPv4 address: four bytes as in the packet. */
export type Ipv4 = u32;
/** An IPv6 address. */
export type Ipv6 = v128;
/** An address of either family, an IPv4 one as ::ffff:a.b.c.d. */
export type Addr16 = v128;

/**
 * Fields with more bytes than numbers have. Read, they are the address of their bytes, which stand in the record
 * itself: `name: Text64` takes 64 bytes there. Texts are UTF-8, filled up with zeros.
 */
export type Mac = usize;
export type Bytes8 = usize;
export type Bytes16 = usize;
export type Bytes32 = usize;
export type Bytes64 = usize;
export type Bytes128 = usize;
export type Bytes256 = usize;
export type Text8 = usize;
export type Text16 = usize;
export type Text32 = usize;
export type Text64 = usize;
export type Text128 = usize;
export type Text256 = usize;

/** Key of an lpm_trie: the first `length` bits of the address. */
@unmanaged
export class Prefix4 {
  length: u32;
  address: Ipv4;
}

@unmanaged
export class Prefix6 {
  length: u32;
  private address0: u32;
  private address4: u32;
  private address8: u32;
  private address12: u32;

  get address(): Ipv6 {
    return v128.load(changetype<usize>(this), offsetof<Prefix6>("address0"));
  }

  set address(address: Ipv6) {
    v128.store(changetype<usize>(this), address, offsetof<Prefix6>("address0"));
  }
}

/** The address a.b.c.d. */
// @ts-ignore: decorator
@inline
export function address4(a: u32, b: u32, c: u32, d: u32): Ipv4 {
  return a | (b << 8) | (c << 16) | (d << 24);
}

/** Lanes of 32 bits in front of an IPv4 address: ::ffff:0:0, RFC 4291 section 2.5.5.2. */
const MAPPED: u32 = 0xffff0000;

/** The IPv4 address as one of either family. */
export function mapped(address: Ipv4): Addr16 {
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 2, MAPPED), 3, address);
}

export function isMapped(address: Addr16): bool {
  if (i64x2.extract_lane(address, 0) != 0) return false;
  return <u32>i32x4.extract_lane(address, 2) == MAPPED;
}

/** The IPv4 address that is mapped in it. */
export function unmapped(address: Addr16): Ipv4 {
  return i32x4.extract_lane(address, 3);
}

/** Whether two addresses are the same. */
export function isSame(a: Addr16, b: Addr16): bool {
  return i8x16.all_true(i8x16.eq(a, b));
}
