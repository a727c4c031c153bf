import type { Group } from './entry.ts';

/** First in, first out, without moving the rest at each step. Counts records and bytes; its bounds are its owner's business. */
export class Queue {
  #groups: Group[] = [];
  #start = 0;
  records = 0;
  bytes = 0;
  /** Records of patient groups. */
  patient = 0;

  push(group: Group): void {
    this.#groups.push(group);
    this.#count(group, 1);
  }

  unshift(group: Group): void {
    if (this.#start > 0) {
      this.#start -= 1;
      this.#groups[this.#start] = group;
    } else {
      this.#groups.unshift(group);
    }
    this.#count(group, 1);
  }

  peek(): Group | undefined {
    return this.#groups[this.#start];
  }

  shift(): Group | undefined {
    const group = this.#groups[this.#start];
    if (group === undefined) return undefined;
    this.#start += 1;
    if (this.#start === this.#groups.length || this.#start > 1_024) {
      this.#groups = this.#groups.slice(this.#start);
      this.#start = 0;
    }
    this.#count(group, -1);
    return group;
  }

  *groups(): Generator<Group> {
    for (let index = this.#start; index < this.#groups.length; index += 1) {
      const group = this.#groups[index];
      if (group !== undefined) yield group;
    }
  }

  #count(group: Group, sign: 1 | -1): void {
    this.records += sign * group.entries.length;
    this.bytes += sign * group.bytes;
    if (group.patient) this.patient += sign * group.entries.length;
  }
}
