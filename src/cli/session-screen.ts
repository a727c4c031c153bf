import headless, { type IBufferCell, type IBufferLine } from '@xterm/headless';
import type { SessionEvent } from '../sessions/events.ts';
import { safeText } from './output.ts';

/** Where a screen is drawn: the terminal of whoever plays or watches. */
export interface Canvas {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
}

/**
 * Shows a recording through a terminal emulator. Nothing of the recording reaches the real terminal but the characters
 * and colours of the emulated screen: titles, links, clipboard, device and mouse sequences end in the emulator.
 */
export class SessionScreen {
  readonly #canvas: Canvas;
  readonly #terminal: InstanceType<typeof headless.Terminal>;
  /** Rows as they stand on the real screen. */
  #shown: string[] = [];
  #cleared = false;

  constructor(canvas: Canvas) {
    this.#canvas = canvas;
    this.#terminal = new headless.Terminal({ cols: 80, rows: 24, scrollback: 0, allowProposedApi: true });
  }

  /** Takes an event into the emulator; resolves when it has worked it in. */
  take(event: SessionEvent): Promise<void> {
    if (event.kind === 'resize') this.#terminal.resize(sane(event.width, 2, 500), sane(event.height, 1, 300));
    if (event.kind !== 'output') return Promise.resolve();
    return new Promise(resolve => {
      this.#terminal.write(event.data, resolve);
    });
  }

  /** Draws what has changed. */
  draw(): void {
    const { columns, rows } = this.#canvas;
    const buffer = this.#terminal.buffer.active;
    let out = this.#cleared ? '' : '\x1b[0m\x1b[2J';
    this.#cleared = true;
    const height = Math.min(rows - 1, this.#terminal.rows);
    for (let row = 0; row < height; row += 1) {
      const line = buffer.getLine(buffer.viewportY + row);
      const text = line === undefined ? '' : drawLine(line, Math.min(columns, this.#terminal.cols));
      if (this.#shown[row] === text) continue;
      this.#shown[row] = text;
      out += `\x1b[${row + 1};1H\x1b[0m\x1b[2K${text}\x1b[0m`;
    }
    const cursorRow = Math.min(buffer.cursorY, height - 1) + 1;
    out += `\x1b[${cursorRow};${Math.min(buffer.cursorX, columns - 1) + 1}H`;
    this.#canvas.write(out);
  }

  /** Writes a line of our own below the recording, for state and end. */
  say(text: string): void {
    this.#canvas.write(
      `\x1b[${this.#canvas.rows};1H\x1b[0m\x1b[2K\x1b[7m${safeText(text).slice(0, this.#canvas.columns)}\x1b[0m`,
    );
  }

  /** Leaves the real terminal below everything that was drawn. */
  close(): void {
    this.#canvas.write(`\x1b[0m\x1b[${this.#canvas.rows};1H\r\n`);
    this.#terminal.dispose();
  }
}

function drawLine(line: IBufferLine, columns: number): string {
  let out = '';
  let style = '';
  for (let column = 0; column < columns; column += 1) {
    const cell = line.getCell(column);
    // The right half of a wide character.
    if (cell === undefined || cell.getWidth() === 0) continue;
    const wanted = styleOf(cell);
    if (wanted !== style) out += `\x1b[0${wanted}m`;
    style = wanted;
    const text = cell.getChars();
    out += text === '' ? ' ' : safeText(text);
  }
  return style === '' ? out.trimEnd() : out;
}

function styleOf(cell: IBufferCell): string {
  let style = '';
  if (cell.isBold() !== 0) style += ';1';
  if (cell.isDim() !== 0) style += ';2';
  if (cell.isItalic() !== 0) style += ';3';
  if (cell.isUnderline() !== 0) style += ';4';
  if (cell.isInverse() !== 0) style += ';7';
  style += colour(cell.isFgPalette(), cell.isFgRGB(), cell.getFgColor(), 38);
  return style + colour(cell.isBgPalette(), cell.isBgRGB(), cell.getBgColor(), 48);
}

function colour(palette: boolean, rgb: boolean, value: number, code: number): string {
  if (palette) return `;${code};5;${value & 0xff}`;
  return rgb ? `;${code};2;${(value >> 16) & 0xff};${(value >> 8) & 0xff};${value & 0xff}` : '';
}

function sane(value: number, least: number, most: number): number {
  return Math.min(Math.max(Math.trunc(value), least), most);
}
