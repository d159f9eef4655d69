/** What the driver asks of a generator process, and what comes back: plain data, sent as messages between the two. */

/** What MQTT goes over; TCP unless told. */
export type Transport = 'tcp' | 'tls' | 'ws'

/** Messages through the server: who publishes what to whom, and how much of it at once. */
export interface MessageLoad {
  transport?: Transport
  qos: 0 | 1 | 2
  publishers: number
  subscribers: number
  /** `pairs`: subscriber i gets publisher i only. `all`: every subscriber gets everything. */
  topology: 'pairs' | 'all'
  /** `exact`: the topics by name. `plus` and `hash`: one wildcard subscription over all of them. */
  filter: 'exact' | 'plus' | 'hash'
  /** Size of each payload, at least {@link PAYLOAD_HEADER_BYTES}. */
  payloadBytes: number
  /** Messages of QoS 1 and 2 that a publisher may have unacknowledged. */
  window: number
  /** Messages that a publisher may have sent and not yet seen delivered, each of them to everybody. */
  endToEndWindow: number
  /** Messages that one publisher writes in one go. */
  batch: number
  /** Subscribers ask for a session that outlives the connection. */
  persistent: boolean
}

/** As fast as the windows allow, or `ratePerSecond` over all publishers (0: no rate), for the span of the job. */
export interface FlowLoad extends MessageLoad {
  kind: 'flow'
  ratePerSecond: number
}

/** Persistent subscribers leave, `messages` are stored for them, they come back and get them. */
export interface BacklogLoad extends MessageLoad {
  kind: 'backlog'
  messages: number
  /** The server is killed (SIGKILL) at this many acknowledgements, in full flow, and started again; 0: it is not. */
  killAfter: number
}

/** `messages` retained messages on as many topics are stored, then every subscriber asks for all of them. */
export interface RetainedLoad extends MessageLoad {
  kind: 'retained'
  messages: number
}

/** Connections with a subscription each that then do nothing. */
export interface IdleLoad {
  kind: 'idle'
  transport?: Transport
  connections: number
  /** Connections that may be on their way to CONNACK or SUBACK at a time. */
  connectionWindow: number
  holdSeconds: number
}

/** CONNECT, CONNACK, DISCONNECT, and again, `connectionWindow` at a time, for the span of the job. */
export interface StormLoad {
  kind: 'storm'
  transport?: Transport
  connectionWindow: number
}

export type Load = FlowLoad | BacklogLoad | RetainedLoad | IdleLoad | StormLoad

export interface Job {
  port: number
  /** The server's first process; its descendants belong to it. */
  serverPid: number
  load: Load
  /** Load before the measured span, so that caches and compilers are warm. */
  warmupSeconds: number
  /** The measured span of `flow` and `storm`. */
  durationSeconds: number
  /** How long nothing may move before a phase is taken to be over. */
  stallSeconds: number
}

/** Magic, publisher, sequence number (4 bytes each) and send time (8): what every payload begins with. */
export const PAYLOAD_HEADER_BYTES = 20

/** All that can be measured. A run gives those that its kind of load has; units stand last in the names. */
export type FigureName =
  | 'messagesPerSecond'
  | 'cpuPerMessageUs'
  | 'latencyP50Us'
  | 'latencyP99Us'
  | 'latencyP999Us'
  | 'acknowledgeP50Us'
  | 'acknowledgeP99Us'
  | 'expected'
  | 'lost'
  | 'duplicated'
  | 'reordered'
  | 'foreign'
  | 'disconnects'
  | 'stalls'
  | 'serverCpuPercent'
  | 'generatorCpuPercent'
  | 'seconds'
  | 'sent'
  | 'delivered'
  | 'acknowledged'
  | 'rssPerMessageBytes'
  | 'drainPerSecond'
  | 'drainCpuPerMessageUs'
  | 'firstReadMs'
  | 'restartMs'
  | 'sessionsPresent'
  | 'unacknowledgedKept'
  | 'connectsPerSecond'
  | 'cpuPerConnectUs'
  | 'connectP50Us'
  | 'connectP99Us'
  | 'rssBytes'
  | 'rssPerConnectionBytes'
  | 'pssPerConnectionBytes'
  | 'rssGrowthBytes'
  | 'idleCpuPercent'

export type Figures = Partial<Record<FigureName, number>>

/** From the driver to the generator. */
export type ToGenerator = { type: 'job'; job: Job } | { type: 'restarted'; serverPid: number; restartMs: number }

/** From the generator to the driver. */
export type FromGenerator =
  | { type: 'ready' }
  | { type: 'restart' }
  | { type: 'figures'; figures: Figures }
  | { type: 'failed'; message: string }
