import { readFile, writeFile } from 'node:fs/promises';

/** The rows of a report: printed as they come, and put between two marks of a page at the end. */
export class ResultsTable {
  #rows = [];

  constructor(...head) {
    this.add(head);
    this.add(head.map(() => '---'));
  }

  add(cells) {
    const row = cells.map((cell) => String(cell).replaceAll(/\s+/g, ' ').replaceAll('|', '/'));
    this.#rows.push(row);
    console.log(row.join(' | '));
  }

  /** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. */
  async writeTo(file, name) {
    const page = await readFile(file, 'utf8');
    const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    if (!page.includes(from) || !page.includes(to)) throw new Error(`${file} has no place for ${name}`);
    const [before] = page.split(from);
    const [, after] = page.split(to);
    const on = `Node ${process.versions.node}, ${process.platform}, ${new Date().toISOString().slice(0, 10)}.`;
    const lines = this.#rows.map((row) => `| ${row.join(' | ')} |`);
    await writeFile(file, [before + from, '', on, '', ...lines, '', to + after].join('\n'));
  }
}
