/** Holds the direction of imports in `src/`, and says so when it could not look at every file. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import { RULES } from './dependency-rules.ts'

/** Fewer modules or imports than any working state of the project has: then the reading itself is broken. */
const MODULES_MIN = 4
const IMPORTS_MIN = 3

/** The faults of the checkout at `root`, one line each; none when all is well. */
export async function dependencyFaults(root: string): Promise<string[]> {
  const { output } = await cruise(['src'], {
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: RULES },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    parser: 'tsc',
    enhancedResolveOptions: { extensions: ['.ts', '.json'], exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  })
  const { modules, summary } = output as ICruiseResult
  const read = new Set(modules.map(module => module.source))
  const own = modules.filter(module => module.source.startsWith('src/'))
  const imports = own.reduce((sum, module) => sum + module.dependencies.filter(to => to.resolved.startsWith('src/')).length, 0)
  const faults = summary.violations.map(({ rule, from, to }) => `${from} → ${to}: ${rule.name}`)
  const unread = sourcesOf(root).filter(source => !read.has(source))
  if (unread.length > 0) faults.push(`not read: ${unread.join(', ')}`)
  if (own.length < MODULES_MIN || imports < IMPORTS_MIN)
    faults.push(`only ${own.length} modules and ${imports} imports were read: the check itself does not work`)
  return faults
}

function sourcesOf(root: string): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => `src/${file}`)
}

if (import.meta.main) {
  const faults = await dependencyFaults(join(import.meta.dirname, '..'))
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length > 0 ? 1 : 0
}
