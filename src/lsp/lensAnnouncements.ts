/** When the editor is told that lenses have changed, and when it has drawn them. It asks for them; they cannot be sent. */

/** VS Code draws what it was told of lenses after this time at the earliest (codelensController.ts, its debouncing). */
const DRAWN_AFTER_MS = 250;
/** What stands beside the code waits so long for an editor to ask for its lenses. */
const WAIT_MS = 1_000;
/**
 * VS Code asks for lenses after a pause that each word of a change begins anew, as long as asking took lately, this at the
 * most (codelensController.ts, languageFeatureDebounce.ts): a word said every quarter of a second is never answered.
 */
const MAX_PAUSE_MS = 250 ** 2;

export class LensAnnouncements {
  private readonly tell: () => void;
  private readonly drawn: () => void;
  /** When the editor was told that lenses have changed, as long as it has not asked. */
  private announced: number | undefined;
  /** When a change of what stands beside the code began to wait for its lens; undefined once that is drawn. */
  private waiting: number | undefined;
  private editorAsks = true;

  /** `drawn`: the lenses that the editor got are on the screen. */
  constructor(tell: () => void, drawn: () => void) {
    this.tell = tell;
    this.drawn = drawn;
  }

  /** Said once until the editor asks: what it asks for is the newest in any case. */
  announce(): void {
    const now = performance.now();
    if (this.announced !== undefined && now - this.announced < MAX_PAUSE_MS) return;
    this.announced = now;
    this.tell();
  }

  /** Also, what stands beside the code waits for the lenses: both are to be of one call. */
  announceAndWait(): void {
    this.waiting ??= performance.now();
    this.announce();
  }

  /** The editor asks; what changes from now on is not in its answer. */
  asked(): void {
    this.announced = undefined;
  }

  answered(): void {
    this.editorAsks = true;
    this.waiting = performance.now();
    setTimeout(() => {
      this.waiting = undefined;
      this.drawn();
    }, DRAWN_AFTER_MS);
  }

  /** The editor is about to ask for lenses, or to draw them: until then nothing that is shown changes. */
  pending(): boolean {
    if (this.waiting === undefined) return false;
    if (performance.now() - this.waiting > WAIT_MS) this.editorAsks = false;
    return this.editorAsks;
  }
}
