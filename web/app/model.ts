// Generated from engine/model by web/build. Do not edit.

export interface Message {
  seq: number;
  type: string;
  snapshot?: Snapshot;
  topology?: Diff;
  journey?: Journey;
  event?: Event;
  lost?: Lost;
  capture?: Capture;
  presenting?: Presenting;
  watching?: Watching;
  session?: Session;
}

export interface Snapshot {
  session: Session;
  graph: Graph;
  capture: Capture;
  journeys: Journey[] | null;
  events: Event[] | null;
  presenting?: Presenting;
  watching?: number;
}

export interface Session {
  id: string;
  url: string;
  apiServer: string;
  expiresAt: string;
  options: SessionOptions;
  rights?: string;
  stopped?: string[];
  faults?: Fault[];
}

export interface SessionOptions {
  nodes?: number;
  cni?: string;
  dualStack?: boolean;
}

export interface Fault {
  id: string;
  kind: string;
  target: string;
  text: string;
  settings: FaultSettings;
}

export interface FaultSettings {
  direction?: string;
  loss?: number;
  delayMs?: number;
  jitterMs?: number;
  rateKbit?: number;
}

export interface Graph {
  vertices: Vertex[] | null;
  edges: Edge[] | null;
}

export interface Vertex {
  id: string;
  kind: string;
  namespace?: string;
  name: string;
  parent?: string;
  owner?: string;
  ips?: string[];
  external?: string[];
  ports?: Port[];
  labels?: Record<string, string>;
  status?: string;
  ready: boolean;
  message?: string;
  want?: number;
  have?: number;
  restarts?: number;
  containers?: Container[];
  created?: number;
  conditions?: Condition[];
  rules?: Rule[];
  facts?: Fact[];
  wiring?: string[];
  cni?: CNI;
}

export interface Port {
  name?: string;
  protocol: string;
  port: number;
  target?: string;
  nodePort?: number;
}

export interface Container {
  name: string;
  image: string;
  state: string;
  reason?: string;
  message?: string;
  ready: boolean;
  restarts?: number;
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

export interface Rule {
  host?: string;
  path?: string;
  text?: string;
  to?: string;
  port?: string;
}

export interface Fact {
  name: string;
  value: string;
}

export interface CNI {
  plugin: string;
  config: string;
  args?: string[];
  result: string;
}

export interface Edge {
  id: string;
  kind: string;
  from: string;
  to: string;
  ready: boolean;
}

export interface Capture {
  mode: string;
  since?: number;
  reason?: string;
  skipped?: number;
}

export interface Journey {
  id: string;
  conversation: string;
  via?: string;
  reply: boolean;
  protocol: string;
  summary: string;
  application?: Application[];
  from: string;
  to: string;
  source: string;
  destination: string;
  verdict: string;
  start: number;
  duration: number;
  length: number;
  hops: Hop[] | null;
  advice?: Advice[];
  why?: Why;
  defect?: string;
}

export interface Application {
  protocol: string;
  answer?: boolean;
  text: string;
  about?: string;
}

export interface Hop {
  time: number;
  place: Place;
  header: Header;
  before?: Header;
  decision?: Decision;
  sentence: string;
}

export interface Place {
  vertex: string;
  device?: string;
  peer?: string;
  hook?: string;
  direction?: string;
}

export interface Header {
  source: string;
  destination: string;
  protocol: string;
  flags?: string;
  ttl?: number;
  length?: number;
  encap?: string;
}

export interface Decision {
  kind: string;
  table?: string;
  chain?: string;
  rule?: string;
  object?: Object;
  path?: string;
  endpoint?: number;
  endpoints?: number;
  sentence: string;
}

export interface Object {
  kind: string;
  namespace?: string;
  name: string;
  port?: string;
}

export interface Advice {
  sentence: string;
  command?: string;
  manifest?: string;
}

export interface Why {
  trap: string;
  sentence: string;
  seen?: Finding[];
  advice?: Advice[];
}

export interface Finding {
  sentence: string;
  journey?: string;
  hop?: number;
  object?: Object;
}

export interface Event {
  time: number;
  type: string;
  reason: string;
  object: Object;
  message: string;
  count?: number;
}

export interface Presenting {
  off?: boolean;
  tab?: string;
  view?: string;
  object?: string;
  conversation?: string;
  journey?: string;
  hop: number;
  terminal?: string;
  columns?: number;
  rows?: number;
  paused?: boolean;
  speed?: number;
  step?: number;
  file?: PresentedFile;
}

export interface PresentedFile {
  name: string;
  anchor: number;
  head: number;
  text?: string;
  edit?: PresentedEdit;
}

export interface PresentedEdit {
  from: number;
  drop: number;
  put?: string[];
}

export interface Diff {
  put?: Vertex[];
  remove?: string[];
  putEdges?: Edge[];
  removeEdges?: string[];
}

export interface Lost {
  count: number;
  reason: string;
}

export interface Watching {
  count: number;
}

export interface ApplyResult {
  document: number;
  line: number;
  object?: Object;
  action?: string;
  note?: string;
  warnings?: string[];
  warnedAt?: number[];
  errors?: ApplyError[];
  before?: string;
  after?: string;
}

export interface ApplyError {
  line: number;
  field?: string;
  message: string;
}

export interface Request {
  from: string;
  to: string;
  method?: string;
  count?: number;
}

export interface RequestResult {
  answers: Answer[] | null;
  journeys: string[] | null;
}

export interface Answer {
  outcome: string;
  status?: number;
  body?: string;
  local?: string;
  remote?: string;
  resolved?: string;
  certificate?: string;
  error?: string;
  why?: Why;
  duration: number;
}

export interface CheckRequest {
  lesson: string;
  step: number;
  kinds?: string[];
  since?: string;
}

export interface CheckResult {
  check: number;
  title: string;
  kind: string;
  passed: boolean;
  saw?: string;
}

export interface StepRequest {
  lesson: string;
  step: number;
}

export interface StepBegun {
  begun: boolean;
  run?: string;
}

export interface WhatIfRequest {
  apply?: string;
  delete?: string[];
}

export interface WhatIf {
  results: ApplyResult[] | null;
  conversations: ChangedConversation[] | null;
  seen: number;
  window: number;
  reachability: Reachability;
}

export interface ChangedConversation {
  id: string;
  count: number;
  time: number;
  change: string;
  from: string;
  to: string;
  protocol: string;
  port?: number;
  service?: Object;
  before: PolicyVerdict;
  after: PolicyVerdict;
}

export interface PolicyVerdict {
  allowed: boolean;
  sentence: string;
  direction?: string;
  policies?: string[];
  rule?: number;
  peer?: number;
  match?: string;
  except?: string;
}

export interface Reachability {
  groups: ReachGroup[] | null;
  targets: ReachTarget[] | null;
  verdicts: PolicyVerdict[] | null;
  before: number[][] | null;
  after?: number[][];
  omitted?: number;
  waiting?: string[];
}

export interface ReachGroup {
  id: string;
  kind: string;
  namespace?: string;
  name: string;
  pods?: string[];
  note?: string;
}

export interface ReachTarget {
  group: number;
  protocol: string;
  port: number;
  family?: string;
  known?: string;
}

export interface Queued {
  ticket: string;
  place: number;
  of: number;
  turn?: boolean;
  until?: string;
  wait?: number;
}

export interface Operator {
  time: string;
  capacity: OperatorCapacity;
  sessions: OperatorSession[] | null;
  queue: OperatorQueued[] | null;
  breaches: Breach[] | null;
}

export interface OperatorCapacity {
  room: number;
  binds: string;
  parts: OperatorPart[] | null;
}

export interface OperatorPart {
  name: string;
  unit: string;
  used: number;
  of: number;
  each: number;
  room: number;
}

export interface OperatorSession {
  session: string;
  state: string;
  born: string;
  until: string;
  owner?: string;
  nodes: number;
  containers: number;
  objects: number;
  memory: number;
  cpu: number;
  processes: number;
  viewers: number;
  journal: number;
  asked: number;
  refused: number;
  breaches: number;
}

export interface OperatorQueued {
  ticket: string;
  member?: boolean;
  turn?: boolean;
}

export interface Breach {
  time: string;
  session: string;
  pod?: string;
  container?: string;
  rule: string;
  text: string;
  ended?: boolean;
}

export interface Recording {
  podhop: string;
  version: number;
  server: string;
  kubernetes: string;
  from: number;
  to: number;
  session: Session;
  capture: Capture;
  manifests: string;
  graph: Graph;
  moments: Moment[] | null;
  left: LeftOut;
}

export interface Moment {
  time: number;
  message: Message;
}

export interface LeftOut {
  journeys?: number;
  events?: number;
  changes?: number;
  objects?: number;
  secrets?: number;
}

export interface KeptRecording {
  id: string;
  url: string;
  bytes: number;
  key: string;
  until: string;
}

export interface Kill {
  pod: string;
  container?: string;
}

export interface NewView {
  rights: string;
  name?: string;
  until?: string;
}

export interface View {
  key: string;
  url: string;
  rights: string;
  name?: string;
  until: string;
}

export interface Viewers {
  count: number;
  by?: ViewersBy[];
}

export interface ViewersBy {
  name?: string;
  rights: string;
  count: number;
}

export interface Access {
  path: string;
  token: string;
}

export interface Terminal {
  id: string;
  place: string;
  ended?: boolean;
  code?: number;
}

export interface NewTerminal {
  place: string;
}

export interface TerminalSay {
  columns?: number;
  rows?: number;
  reset?: boolean;
  ended?: boolean;
  code?: number;
}

export interface NewClass {
  title: string;
  instructor?: string;
  lessons?: string[];
  size?: number;
  until?: string;
}

export interface ClassChange {
  title?: string;
  until?: string;
  open?: boolean;
  frozen?: boolean;
  freezeText?: string;
}

export interface ClassMessage {
  all?: boolean;
  class?: Class;
  members?: Member[];
  events?: ClassEvent[];
  member?: Member;
  gone?: string;
  event?: ClassEvent;
}

export interface Class {
  key?: string;
  code?: string;
  title: string;
  instructor: string;
  lessons: string[] | null;
  size: number;
  members: number;
  made: string;
  until: string;
  closed?: string;
  keptUntil?: string;
  open: boolean;
  frozen: boolean;
  freezeText?: string;
}

export interface Member {
  id: string;
  name: string;
  joined: string;
  online: boolean;
  lastSeen: string;
  idleSince: string;
  session?: string;
  lesson?: string;
  step?: number;
  steps?: number;
  passed: number;
  stepSince?: string;
  failing?: FailingCheck[];
  attempts: number;
  hints: number;
  errors: number;
  lastError?: string;
  lastErrorAt?: string;
  help?: Help;
  looking: boolean;
  view?: string;
  control?: string;
  done?: Record<string, number>;
}

export interface FailingCheck {
  check: number;
  title: string;
  saw?: string;
}

export interface Help {
  since: string;
  text?: string;
}

export interface ClassEvent {
  time: string;
  kind: string;
  member?: string;
  name?: string;
  text: string;
}

export interface Push {
  to?: string[];
  kind: string;
  text?: string;
  manifest?: string;
  apply?: boolean;
  lesson?: string;
  step?: number;
  fault?: string;
  settings?: FaultSettings;
}

export interface PushResult {
  member: string;
  name: string;
  done: boolean;
  text: string;
  results?: ApplyResult[];
}

export interface ClassView {
  view: string;
  url: string;
}

export interface JoinInfo {
  title: string;
  instructor: string;
  open: boolean;
  left: number;
  until: string;
}

export interface NewMember {
  code: string;
  name: string;
}

export interface Joined {
  key: string;
  id: string;
  name: string;
  class: Class;
}

export interface MemberMessage {
  you?: Membership;
  notice?: Notice;
}

export interface Membership {
  id: string;
  name: string;
  class: Class;
  session?: string;
  sessionId?: string;
  lesson?: string;
  step?: number;
  done?: Record<string, number>;
  help?: Help;
  looking?: string;
  control?: string;
  answerIn?: number;
}

export interface Notice {
  id: string;
  time: string;
  by: string;
  push: Push;
  result?: PushResult;
}

export interface MemberSession {
  lesson?: string;
}

export interface HelpRequest {
  on: boolean;
  text?: string;
}

export interface Consent {
  yes: boolean;
}

export interface Progress {
  lesson: string;
  step: number;
  hint?: number;
  solution?: boolean;
}

export interface ClassResults {
  class: Class;
  results: LessonResult[] | null;
}

export interface LessonResult {
  member: string;
  name: string;
  joined: string;
  lesson?: string;
  title?: string;
  steps: number;
  passed: number;
  begun?: string;
  done?: string;
  attempts: number;
  hints: number;
  errors: number;
}
