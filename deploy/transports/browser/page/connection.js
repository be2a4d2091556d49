// The connection to edgebench: it comes back by itself until edgebench says that it is over.

const PROTOCOL = "edgebench.browser.1";
const REFUSED = 4400; // From here on a closing code is edgebench's own, with a reason to show.
const LONGEST_MS = 5000;

export class Connection {
  // handlers: opened(), message(object), bytes(buffer), closed(reason, final)
  constructor(token, handlers) {
    this.token = token;
    this.handlers = handlers;
    this.tries = 0;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/session`, [PROTOCOL, this.token]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => (this.socket = socket);
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) return this.handlers.bytes(data);
      const message = JSON.parse(data);
      if (message.welcome) {
        this.tries = 0;
        this.handlers.opened();
      }
      this.handlers.message(message);
    };
    socket.onclose = ({ code, reason }) => {
      this.socket = null;
      const final = code >= REFUSED;
      this.handlers.closed(reason, final);
      if (final) return;
      this.tries += 1;
      setTimeout(() => this.open(), Math.min(250 * 2 ** this.tries, LONGEST_MS));
    };
  }

  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
  }
}
