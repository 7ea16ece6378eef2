/** What the operator decides about the networks of containers. */
export interface NetworkSettings {
  /**
   * One for the whole node, on a file system that a restart of the machine empties, because namespaces, leases and rules go then too.
   * Processes with the same folder share one network.
   */
  readonly directory: string;
  /** Addresses of containers, as a CIDR; nothing else on the node may have a route into it. */
  readonly subnet: string;
  /** Where CNI plugins are looked for, in this order. */
  readonly pluginDirectories: readonly string[];
  /** Resolvers for containers; the node's own when empty. */
  readonly nameServers: readonly string[];
  /** Endpoints that `bridge` reaches although they are the node's own (by address and port) or, hardened, private. */
  readonly bridgeAllow: readonly string[];
  /** The endpoints that `no-internet` reaches; see `parseEndpoint`. */
  readonly noInternetAllow: readonly string[];
}

/** A container's way into a network. */
export interface Wanted {
  readonly id: string;
  readonly mode: 'bridge' | 'no-internet';
  readonly policy: 'compatible' | 'hardened';
}

/** What a container has to know of its network. */
export interface Attached {
  /** IPv4, without the length of the prefix. */
  readonly address: string;
  /** Content of `/etc/resolv.conf`. */
  readonly resolvConf: string;
}

/** The networks of one node. Every method may be called again after a failure or a crash. */
export interface Networks {
  /** Path of the container's network namespace, which is there from `attach` to `detach`. */
  namespacePath(id: string): string;
  /** Namespace, rules, address: in this order, so that nothing is ever reachable that the rules forbid. After a failure `detach` is due. */
  attach(wanted: Wanted): Promise<Attached>;
  /** To be asked before `detach`; costs one look into a folder. */
  isAttached(id: string): boolean;
  /** Gives back the address, the namespace, and with the last container the rules. Nothing may run in the namespace any more. */
  detach(id: string): Promise<void>;
  /** What is left of containers that nobody will detach any more; nothing is changed before its `remove` is called. */
  unused(): Promise<readonly Unused[]>;
}

/** One thing that a crash left. */
export interface Unused {
  readonly kind: 'network' | 'address' | 'rules';
  readonly id: string;
  readonly why: string;
  readonly remove: () => Promise<void>;
}
