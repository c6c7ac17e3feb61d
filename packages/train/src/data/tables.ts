import { SourceError } from '@dual-encoder/core'

/** A row of a table; JSON lines may hold more than text. */
export type Row = Readonly<Record<string, unknown>>

/** Rows of comma- or tab-separated text (RFC 4180: quotes, doubled quotes, line breaks within them), the first line names the columns. */
function parseSeparated(text: string, separator: ',' | '\t', file: string): Row[] {
  const [header, ...lines] = cells(text.replace(/^\uFEFF/, ''), separator)
  if (!header) return []
  return lines
    .filter((line) => line.length > 1 || line[0] !== '')
    .map((line, i) => {
      if (line.length > header.length)
        throw new SourceError(
          'bad-table',
          `${file}: row ${i + 1} has ${line.length} fields, the first line names ${header.length}. Quote fields that hold a separator.`,
        )
      return Object.fromEntries(header.map((name, column) => [name.trim(), line[column] ?? '']))
    })
}

function cells(text: string, separator: string): string[][] {
  const rows: string[][] = [[]]
  let cell = ''
  let quoted = false
  const end = () => {
    rows.at(-1)!.push(cell)
    cell = ''
  }
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (quoted) {
      if (char !== '"') cell += char
      else if (text[i + 1] === '"') cell += text[i++]
      else quoted = false
    } else if (char === '"' && cell === '') quoted = true
    else if (char === separator) end()
    else if (char === '\n' || char === '\r') {
      if (char === '\r' && text[i + 1] === '\n') i++
      end()
      rows.push([])
    } else cell += char
  }
  if (cell !== '' || rows.at(-1)!.length > 0) end()
  else rows.pop()
  return rows
}

/** One JSON object a line; empty lines are left out. */
function parseJsonLines(text: string, file: string): Row[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '') return []
    try {
      const value: unknown = JSON.parse(line)
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return [value as Row]
    } catch (cause) {
      throw new SourceError('bad-table', `${file}: line ${i + 1} is not JSON: ${(cause as Error).message}`, { cause })
    }
    throw new SourceError('bad-table', `${file}: line ${i + 1} is not a JSON object.`)
  })
}

/** The rows of a table, by the file's ending. @throws SourceError for another ending, or what cannot be read so */
export function parseTable(text: string, file: string): Row[] {
  const ending = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase()
  if (ending === 'csv') return parseSeparated(text, ',', file)
  if (ending === 'tsv') return parseSeparated(text, '\t', file)
  if (ending === 'jsonl' || ending === 'ndjson') return parseJsonLines(text, file)
  throw new SourceError('bad-table', `${file}: tables are .csv, .tsv or .jsonl.`)
}
