/** Channels: length, capacity, and the buffered items in the order in which they will be received. */
import type { ChanLayout } from "../goabi/runtime/hchan.ts";
import { WORD } from "../goabi/runtime/word.ts";
import type { ChanType } from "../goabi/type.ts";
import type { Value } from "./api.ts";
import { EMPTY, type Missing, type Region } from "./memory.ts";
import { lengthAt } from "./scalars.ts";
import { absent, type Compile, type Decode, leftOut, unavailable, type Walk } from "./walk.ts";

export function channelDecoder(type: ChanType, layout: ChanLayout | undefined, compile: Compile): Decode {
  return (at, offset, walk) => {
    const missing = at.missing(offset, WORD);
    if (missing !== undefined) return absent(type, missing);
    const { name, kind } = type;
    const address = at.word(offset);
    if (address === 0) return { type: name, kind, nil: true };
    if (layout === undefined) return unavailable(type, "the layout of channels of this Go version is not known");
    const channel = walk.memory.at(address, layout.size);
    if ("reason" in channel) return absent(type, channel);
    const state = readState(channel, layout, type.elem.size);
    if ("reason" in state) return absent(type, state);
    const head = {
      type: name,
      kind,
      len: state.count,
      cap: state.capacity,
      ...(state.closed ? { closed: true as const } : {}),
    };
    if (state.count === 0) return { ...head, elems: [] };
    return walk.storage(type, address, () => ({ ...head, ...items(type, state, compile, walk) }));
  };
}

interface State {
  readonly count: number;
  readonly capacity: number;
  readonly buffer: number;
  readonly first: number;
  readonly closed: boolean;
}

/** A channel can be in use while its words are copied: words that do not fit together are refused. */
function readState(channel: Region, layout: ChanLayout, elemSize: number): State | Missing {
  const missing = channel.missing(0, layout.size);
  if (missing !== undefined) return missing;
  const closed = channel.u32(layout.closed) !== 0;
  if (layout.timer !== undefined && channel.word(layout.timer) !== 0)
    return { count: 0, capacity: 0, buffer: 0, first: 0, closed };
  const count = lengthAt(channel, layout.count);
  if (typeof count !== "number") return count;
  const capacity = lengthAt(channel, layout.capacity);
  if (typeof capacity !== "number") return capacity;
  const first = channel.word(layout.receiveIndex);
  if (count > capacity || (first >= capacity && first > 0) || channel.u16(layout.elemSize) !== elemSize)
    return { reason: "the words at its address are no channel" };
  return { count, capacity, buffer: channel.word(layout.buffer), first, closed };
}

function items(type: ChanType, state: State, compile: Compile, walk: Walk): Pick<Value, "elems" | "cut"> {
  const { elem } = type;
  const decode = compile(elem);
  const elems: Value[] = [];
  const shown = Math.min(state.count, walk.limits.elements);
  let why: Missing | undefined;
  for (let item = 0; item < shown; item++) {
    const full = walk.part();
    if (full !== undefined) break;
    const address = state.buffer + ((state.first + item) % state.capacity) * elem.size;
    const region = elem.size === 0 ? EMPTY : walk.memory.at(address, Math.max(elem.size, 1));
    const missing: Missing | undefined =
      "reason" in region ? region : region.length === 0 && elem.size > 0 ? region.run(1).why : undefined;
    // Nothing behind an item that no budget was left for; another reason is told where the item would stand.
    if (missing?.limit === true) {
      why = missing;
      break;
    }
    elems.push("reason" in region ? absent(elem, region) : decode(region, 0, walk));
  }
  return { elems, ...leftOut(state.count, walk.limits.elements, elems.length, why) };
}
