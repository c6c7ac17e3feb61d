import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { convertCheckpoint, download, exportModel, listCache, removeFromCache } from './commands/checkpoints'
import { classify } from './commands/classify'
import { embed } from './commands/embed'
import { evaluate } from './commands/evaluate'
import { info } from './commands/info'
import { quantize } from './commands/quantize'
import { addToIndex, search } from './commands/search'
import { serve } from './commands/serve'
import { train } from './commands/train'
import { completion, SHELLS } from './completion'
import { Context } from './context'
import { embedByQueue, type QueueFlags } from './queue/coordinate'
import { work } from './queue/work'
import { EXIT, type ExitCode, type Terminal } from './terminal'

const VERSION = '0.1.0'

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value <= 0) throw new InvalidArgumentError('A whole number above 0 is needed.')
  return value
}

function share(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('A number above 0, at most 1, is needed.')
  return value
}

/** What stands below a misuse of a command. */
function helpOf(command: Command): string {
  const names = [command.name()]
  for (let above = command.parent; above; above = above.parent) names.unshift(above.name())
  return `(${names.join(' ')} --help says more)`
}

/** Where an index is unless it is said. */
const INDEX = '.dual-encoder-index'

/** Makes the commands. @param done hears how the one that ran has ended */
export function programOf(terminal: Terminal, done: (code: ExitCode) => void): Command {
  const program = new Command('dual-encoder')
  program
    .description('Vision-text dual encoders: label pictures, embed and search them, convert and train models.')
    .version(VERSION)
    .helpCommand(true)
    .showHelpAfterError('(dual-encoder help says more)')
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride()

  /** A command whose last words are its flags; `run` gets its arguments, flags and the context. */
  const command = (
    parent: Command,
    usage: string,
    description: string,
    examples: readonly string[],
    run: (args: never, flags: never, context: Context) => Promise<ExitCode | void>,
  ): Command => {
    const made = parent.command(usage).description(description)
    made.copyInheritedSettings(program).showHelpAfterError(helpOf(made))
    made.option('--json', 'answer programs: a line of JSON for each result')
    if (examples.length > 0) made.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`)
    made.action(async (...given: unknown[]) => {
      const flags = given.at(-2) as { json?: boolean }
      const { json = false, ...rest } = flags
      const context = new Context(terminal, json)
      try {
        done((await run(given.slice(0, -2) as never, rest as never, context)) ?? EXIT.ok)
      } finally {
        context.endProgress()
      }
    })
    return made
  }
  type Flags<F extends (...args: never[]) => unknown> =
    Parameters<F> extends [...unknown[], infer G, Context] ? G : never

  const fetched = (made: Command): Command =>
    made
      .option('--revision <name>', 'of a model on the hub: a branch, tag or commit')
      .option('--offline', 'take what the cache holds, fetch nothing')
  const modelled = (made: Command): Command =>
    fetched(
      made.option(
        '-m, --model <place>',
        'a folder, URL or name on the hub (default: $DUAL_ENCODER_MODEL, else built in)',
      ),
    ).option('--threads <count>', 'threads of the engine', whole)

  fetched(
    command(
      program,
      'info [model]',
      'what a checkpoint is: family, towers, sizes, dtype, processor',
      ['dual-encoder info', 'dual-encoder info openai/clip-vit-base-patch32', 'dual-encoder info ./my-model --json'],
      ([model]: [string | undefined], flags: Flags<typeof info>, context) => info(model, flags, context),
    ),
  )

  modelled(
    command(
      program,
      'classify <pictures...>',
      'label pictures, folders of them, or URLs',
      [
        'dual-encoder classify cat.jpg --labels "a cat,a dog"',
        'dual-encoder classify ./pictures --labels-file labels.txt --template "a drawing of a {}." --top 3 --json',
      ],
      ([pictures]: [string[]], flags: Flags<typeof classify>, context) => classify(pictures, flags, context),
    ),
  )
    .option('-l, --labels <labels...>', 'what to tell apart; commas part them')
    .option('--labels-file <file>', 'a label on each line')
    .option('-t, --template <sentences...>', 'sentences with {} where the label goes (default: "a photo of a {}.")')
    .option('-k, --top <count>', 'how many labels of each picture', whole, 1)
    .option('--batch-size <count>', 'pictures at a time', whole, 16)

  modelled(
    command(
      program,
      'index <folders...>',
      'make an index of pictures, or bring it up to date; an interrupted run goes on where it stopped',
      ['dual-encoder index ./pictures', 'dual-encoder index ./pictures ./more --index ./my-index --json'],
      ([folders]: [string[]], flags: Flags<typeof addToIndex>, context) => addToIndex(folders, flags, context),
    ),
  )
    .option('-i, --index <place>', 'its folder, or s3://bucket/place', INDEX)
    .option('--exact-below <count>', 'pictures from which on an approximate index is made (default: 20000)', whole)
    .option('--batch-size <count>', 'pictures at a time', whole, 16)

  modelled(
    command(
      program,
      'search [texts...]',
      'search an index by texts, pictures and what they are not to be like',
      [
        'dual-encoder search "a red bird"',
        'dual-encoder search "a bird" --image like-this.jpg --minus "a cage" --top 3',
        'dual-encoder search "a dog" --where "id LIKE \'%/2024/%\' AND size > 100000" --json',
        'dual-encoder search --similar ./pictures/cat.jpg',
        'dual-encoder search --duplicates 0.98',
      ],
      ([texts]: [string[]], flags: Flags<typeof search>, context) => search(texts, flags, context),
    ),
  )
    .option('-i, --index <place>', 'its folder, or s3://bucket/place', INDEX)
    .option('--image <pictures...>', 'to be like these')
    .option('--minus <texts...>', 'to be unlike these, with half their weight')
    .option('--similar <picture>', 'the nearest to a picture of the index')
    .option('--duplicates [cosine]', 'groups of near-identical pictures (default: 0.97)', share)
    .option('-k, --top <count>', 'how many', whole, 10)
    .option('--where <filter>', 'SQL over id, kind, size, mtime, text')
    .option('--exact', 'compare with every picture')

  modelled(
    command(
      program,
      'embed [pictures...]',
      'unit vectors of pictures or texts into one file; an interrupted run goes on where it stopped',
      [
        'dual-encoder embed ./pictures --out pictures.npy',
        'dual-encoder embed --texts captions.txt --out captions.parquet',
        'dual-encoder embed /shared/pictures --queue redis://queue:6379 --out /shared/embeddings',
        'dual-encoder embed s3://bucket/shards --queue redis://queue:6379 --out s3://bucket/done --into s3://bucket/index',
      ],
      ([pictures]: [string[]], flags: Flags<typeof embed> & Partial<QueueFlags>, context) =>
        flags.queue === undefined
          ? embed(pictures, flags, context)
          : embedByQueue(pictures, flags as QueueFlags & typeof flags, context),
    ),
  )
    .requiredOption('-o, --out <file>', 'its end says the format: .npy (ids in .ids.json beside it), .parquet, .jsonl')
    .option('--texts <file>', 'a text on each line, in place of pictures')
    .option('--batch-size <count>', 'how many at a time', whole, 16)
    .option(
      '--queue <url>',
      'have workers of this Redis do it; --out is a folder that they share, or s3://bucket/place',
    )
    .option('--into <index>', 'with --queue: rows go into this index, and --out says what is done')
    .option('--shard-size <count>', 'pictures of a file, with --queue', whole, 1024)

  modelled(
    command(
      program,
      'worker',
      'embed what others put in a queue, until it is stopped',
      ['dual-encoder worker --queue redis://queue:6379 --model /shared/model'],
      (_: [], flags: Flags<typeof work>, context) => work(flags, context),
    ),
  )
    .requiredOption('--queue <url>', 'of a Redis or Valkey')
    .option('--batch-size <count>', 'how many at a time', whole, 16)

  modelled(
    command(
      program,
      'eval <folder>',
      'retrieval over a folder with a table of captions, zero-shot accuracy over one whose folders are classes',
      ['dual-encoder eval ./captioned', 'dual-encoder eval ./classes --template "a drawing of a {}." --json'],
      ([folder]: [string], flags: Flags<typeof evaluate>, context) => evaluate(folder, flags, context),
    ),
  )
    .option('--table <file>', 'of captions, in the folder (default: metadata, captions or data .jsonl, .csv, .tsv)')
    .option('-t, --template <sentences...>', 'sentences with {} where the class goes (default: "a photo of a {}.")')
    .option('--batch-size <count>', 'how many at a time', whole, 16)

  modelled(
    command(
      program,
      'serve',
      'answer over HTTP: /v1/embeddings as OpenAI has it, /classify, /search; keys from $DUAL_ENCODER_API_KEYS',
      [
        'dual-encoder serve',
        'DUAL_ENCODER_API_KEYS=one,two dual-encoder serve --host 0.0.0.0 --port 8080 --index ./my-index',
      ],
      (_: [], flags: Flags<typeof serve>, context) => serve(flags, context),
    ),
  )
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('-p, --port <number>', '0 for any that is free', Number, 8000)
    .option('--queue <count>', 'inputs that may wait; more are answered 429', whole, 1024)
    .option('--max-inputs <count>', 'texts and pictures of a request', whole, 256)
    .option('--max-body <bytes>', 'of a request', whole, 32 * 2 ** 20)
    .option('--max-pixels <count>', 'of a picture (default: 178,956,970, as Pillow)', whole)
    .option('--timeout <seconds>', 'for a request to come, and for its answer', whole, 60)
    .option('--max-batch <count>', 'texts or pictures of one run of the model', whole, 16)
    .option('--max-delay <milliseconds>', 'that one waits for others', Number, 2)
    .option('-i, --index <place>', 'an index for /search: a folder, or s3://bucket/place')
    .option('--allow-hosts <hosts...>', 'of pictures that clients may name by URL; none unless they are named here')

  command(
    program,
    'train <recipe>',
    'train by a recipe, .json, .mjs or (where Node runs it) .ts; Ctrl-C saves, the same command goes on',
    ['dual-encoder train recipe.json', 'dual-encoder train recipe.mjs --json > steps.jsonl'],
    ([recipe]: [string], flags: Flags<typeof train>, context) => train(recipe, flags, context),
  )

  fetched(
    command(
      program,
      'download <name>',
      "fetch a model into the cache that Python's huggingface_hub shares",
      ['dual-encoder download openai/clip-vit-base-patch32', 'dual-encoder download org/model --revision v1.0'],
      ([name]: [string], flags: Flags<typeof download>, context) => download(name, flags, context),
    ),
  )

  const cache = program.command('cache').description('models that are kept on this machine')
  command(cache, 'list', 'name, size and revisions of each', ['dual-encoder cache list --json'], (_: [], __, context) =>
    listCache(context),
  )
  command(
    cache,
    'remove <names...>',
    'throw models away',
    ['dual-encoder cache remove org/model'],
    ([names]: [string[]], _: object, context) => removeFromCache(names, context),
  )

  fetched(
    command(
      program,
      'convert <source> <target>',
      "any checkpoint (Flax, TensorFlow, pytorch_model.bin, safetensors) as safetensors that today's Python loads",
      [
        'dual-encoder convert ./flax-clip-roberta ./converted',
        'dual-encoder convert org/model ./half --dtype float16 --max-shard-size 5e9',
      ],
      ([source, target]: [string, string], flags: Flags<typeof convertCheckpoint>, context) =>
        convertCheckpoint(source, target, flags, context),
    ),
  )
    .addOption(new Option('--dtype <type>', 'of the floats').choices(['float32', 'float16', 'bfloat16', 'int8']))
    .option('--max-shard-size <bytes>', 'of a file before weights are split over several', whole)
    .addOption(new Option('--format <name>', 'what to read').choices(['safetensors', 'flax', 'tensorflow', 'pytorch']))

  fetched(
    command(
      program,
      'quantize <source> <target>',
      'a checkpoint in int8, 0.28 of the size; with pictures and texts like yours, what it loses',
      [
        'dual-encoder quantize ./my-model ./small',
        'dual-encoder quantize org/model ./small --pictures ./pictures --texts captions.txt',
      ],
      ([source, target]: [string, string], flags: Flags<typeof quantize>, context) =>
        quantize(source, target, flags, context),
    ),
  )
    .option('--pictures <places...>', 'to measure the loss with: files, folders, URLs; 256 of them at most')
    .option('--texts <file>', 'likewise, a text on each line')
    .option('--fast', 'measure "int8-fast", which is quicker and loses more')

  fetched(
    command(
      program,
      'export <model> <target>',
      'both towers as ONNX files for other runtimes',
      ['dual-encoder export ./my-model ./onnx', 'dual-encoder export org/model ./onnx --image-size 224'],
      ([source, target]: [string, string], flags: Flags<typeof exportModel>, context) =>
        exportModel(source, target, flags, context),
    ),
  ).option('--image-size <pixels>', "of the vision graph (default: the config's)", whole)

  program
    .command('completion')
    .description('a script that completes commands and flags in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  eval "$(dual-encoder completion bash)"\n  dual-encoder completion fish > ~/.config/fish/completions/dual-encoder.fish',
    )
    .action((shell: (typeof SHELLS)[number]) => {
      terminal.out(completion(program, shell))
      done(EXIT.ok)
    })
  return program
}
