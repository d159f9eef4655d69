/** Predefined topic ids (`MQTT-SN 1.2 §3`): what the configuration says that both sides know beforehand. */
import { CLIENT_ID_PLACEHOLDER, type MqttSnConfig } from './config.ts'

type ById = ReadonlyMap<number, string>

interface Group {
  readonly clients: readonly RegExp[]
  readonly byId: ById
}

/** The predefined topics of one node, both ways. */
export interface NodeTopics {
  nameOf(id: number): string | undefined
  idOf(name: string): number | undefined
}

export class PredefinedTopics {
  readonly #shared: ById
  readonly #groups: readonly Group[]

  constructor(config: Pick<MqttSnConfig, 'predefined' | 'groups'>) {
    this.#shared = byIdOf(config.predefined)
    this.#groups = Object.values(config.groups).map(group => ({
      clients: group.clients.map(patternOf),
      byId: byIdOf(group.predefined),
    }))
  }

  /** For a publisher without a name: what all share, but for topics that hold the client id. */
  shared(id: number): string | undefined {
    const name = this.#shared.get(id)
    return name?.includes(CLIENT_ID_PLACEHOLDER) ? undefined : name
  }

  of(clientId: string): NodeTopics {
    const levels = [
      ...this.#groups.filter(group => group.clients.some(pattern => pattern.test(clientId))).map(group => group.byId),
      this.#shared,
    ]
    let ids: Map<string, number> | undefined
    return {
      nameOf: id => {
        const name = levels.find(level => level.has(id))?.get(id)
        return name === undefined ? undefined : fill(name, clientId)
      },
      idOf: name => {
        ids ??= idsOf(levels, clientId)
        return ids.get(name)
      },
    }
  }
}

function byIdOf(topics: MqttSnConfig['predefined']): ById {
  return new Map(Object.entries(topics).map(([id, name]) => [Number(id), name]))
}

/** A name under several ids has the first; an id that an earlier level gives to something else is not usable. */
function idsOf(levels: readonly ById[], clientId: string): Map<string, number> {
  const ids = new Map<string, number>()
  const taken = new Set<number>()
  for (const level of levels) {
    for (const [id, name] of level) {
      const filled = fill(name, clientId)
      if (!taken.has(id) && !ids.has(filled)) ids.set(filled, id)
      taken.add(id)
    }
  }
  return ids
}

/** A placeholder fills one level: what would break out of it is percent-encoded. */
function fill(name: string, clientId: string): string {
  return name.replaceAll(CLIENT_ID_PLACEHOLDER, () => clientId.replace(/[+#/]/g, character => encodeURIComponent(character)))
}

function patternOf(text: string): RegExp {
  const parts = text.split('*').map(part => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'su')
}
