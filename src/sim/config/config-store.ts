import { type ConfigDocument, parseConfig } from './config-document.ts';

/** The machine configuration of a node: what runs, and what the disk holds for the next boot. */
export class ConfigStore {
  #active: ConfigDocument;
  #persisted: ConfigDocument;
  #revert: NodeJS.Timeout | undefined;
  readonly #changed: () => void;

  /** `changed` is told whenever one of the two is replaced. */
  constructor(text: string, changed: () => void) {
    this.#active = parseConfig(Buffer.from(text));
    this.#persisted = this.#active;
    this.#changed = changed;
  }

  get active(): ConfigDocument {
    return this.#active;
  }

  get persisted(): ConfigDocument {
    return this.#persisted;
  }

  /** Any new configuration but another trial makes the running trial permanent in memory, as on a real node. */
  cancelRevert(): void {
    clearTimeout(this.#revert);
    this.#revert = undefined;
  }

  /** For the next boot only. */
  stage(config: ConfigDocument): void {
    this.#persisted = config;
    this.#changed();
  }

  /** Now and for every boot to come. */
  apply(config: ConfigDocument): void {
    this.#persisted = config;
    this.#replace(config);
  }

  /** Now, until the given milliseconds are over. */
  try(config: ConfigDocument, milliseconds: number): void {
    this.cancelRevert();
    const before = this.#active;
    this.#replace(config);
    this.#revert = setTimeout(() => {
      this.#replace(before);
    }, milliseconds);
    this.#revert.unref();
  }

  /** What a boot does: the disk's copy becomes the running one. */
  boot(): void {
    this.cancelRevert();
    if (this.#active !== this.#persisted) this.#replace(this.#persisted);
  }

  #replace(config: ConfigDocument): void {
    this.#active = config;
    this.#changed();
  }
}
