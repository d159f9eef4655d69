/** As much of JSON Schema (draft 2020-12) as the generated one uses; an unknown keyword is an error. */

const NOTES = new Set(['$schema', 'title', 'description', 'default', 'deprecated'])

type Schema = { readonly [keyword: string]: unknown }

/** Whether `schema` accepts `value`. */
export function accepts(schema: Schema, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, argument]) => NOTES.has(keyword) || keywordAccepts(keyword, argument, schema, value))
}

function keywordAccepts(keyword: string, argument: unknown, schema: Schema, value: unknown): boolean {
  const object = isObject(value) ? value : undefined
  switch (keyword) {
    case 'type':
      return typeAccepts(argument as string, value)
    case 'const':
      return value === argument
    case 'enum':
      return (argument as unknown[]).includes(value)
    case 'pattern':
      return typeof value !== 'string' || new RegExp(argument as string, 'u').test(value)
    case 'minLength':
      return typeof value !== 'string' || value.length >= (argument as number)
    case 'minimum':
      return typeof value !== 'number' || value >= (argument as number)
    case 'maximum':
      return typeof value !== 'number' || value <= (argument as number)
    case 'minItems':
      return !Array.isArray(value) || value.length >= (argument as number)
    case 'maxItems':
      return !Array.isArray(value) || value.length <= (argument as number)
    case 'maxProperties':
      return object === undefined || Object.keys(object).length <= (argument as number)
    case 'items':
      return !Array.isArray(value) || value.every(item => accepts(argument as Schema, item))
    case 'required':
      return object === undefined || (argument as string[]).every(key => Object.hasOwn(object, key))
    case 'oneOf':
      return (argument as Schema[]).filter(each => accepts(each, value)).length === 1
    case 'anyOf':
      return (argument as Schema[]).some(each => accepts(each, value))
    case 'allOf':
      return (argument as Schema[]).every(each => accepts(each, value))
    case 'properties':
    case 'patternProperties':
    case 'additionalProperties':
      return object === undefined || Object.entries(object).every(([key, each]) => propertyAccepts(schema, key, each))
    default:
      throw new TypeError(`the generated schema uses the keyword ${keyword}`)
  }
}

function propertyAccepts(schema: Schema, key: string, value: unknown): boolean {
  const named = schema['properties'] as Record<string, Schema> | undefined
  if (named !== undefined && Object.hasOwn(named, key)) return accepts(named[key], value)
  const patterns = Object.entries((schema['patternProperties'] ?? {}) as Record<string, Schema>)
  const matching = patterns.filter(([pattern]) => new RegExp(pattern, 'u').test(key))
  if (matching.length > 0) return matching.every(([, each]) => accepts(each, value))
  return schema['additionalProperties'] !== false
}

function typeAccepts(type: string, value: unknown): boolean {
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
