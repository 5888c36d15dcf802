// What arrives while the page stands still: counted without end, kept up to a bound.
import type { Journey } from "../model";

export class Hold {
  #kept: Journey[] = [];
  #count = 0;

  constructor(private readonly most: number) {}

  /** How many came, and how many of them are not kept any more. */
  get count(): number {
    return this.#count;
  }
  get dropped(): number {
    return this.#count - Math.min(this.#kept.length, this.most);
  }

  add(journeys: readonly Journey[]): void {
    this.#count += journeys.length;
    for (const j of journeys) this.#kept.push(j);
    // Cut now and then instead of at each packet.
    if (this.#kept.length > 2 * this.most) this.#kept = this.#kept.slice(-this.most);
  }

  /** What was kept, oldest first; it is held no longer. */
  take(): Journey[] {
    const out = this.#kept.slice(-this.most);
    this.#kept = [];
    this.#count = 0;
    return out;
  }
}
