import { Client, credentials } from '@grpc/grpc-js';

/** What containerd accepts and sends at most in one message, by default. */
const messageBytes = 16 * 1024 * 1024;

/** A grpc client for the socket at this absolute path. It connects with the first call, and again after a lost connection, within half a second. */
export function openChannel(path: string): Client {
  return new Client(`unix:${path}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': messageBytes,
    'grpc.max_send_message_length': messageBytes,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.min_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 500,
    // Our client decides what may be repeated; grpc's own retries would keep a copy of every message.
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  });
}
