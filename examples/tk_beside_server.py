"""A Tk window and an echo server in one thread: Tk's event loop runs inside greenrt's.

Start it, and type into a connection. The window shows the number of echoed bytes, and its button drops all
connections.

    python examples/tk_beside_server.py --port 7000
    nc 127.0.0.1 7000

Without a display, use `--no-window`: then only Tcl's timers run, which print how much was echoed.
"""

import argparse
import tkinter

import greenrt
from greenrt.green import socket
from greenrt.serve import StreamServer

PERIOD = 500  # milliseconds between two checks of the counters, by Tk's own timer


class Program:
    """The server and the window.

    Tk calls the functions that show and the button; greenlets run the code that waits.
    """

    def __init__(self, port: int, window: bool) -> None:
        """Bind the server, and make the window, which has no loop of its own."""
        self.echoed = self.shown = 0
        self.closed = greenrt.Event()
        self.server = StreamServer(("127.0.0.1", port), self.echo)
        self.connections: set[socket.socket] = set()
        self.tk: tkinter.Tk = tkinter.Tk() if window else tkinter.Tcl()
        self.text: tkinter.Variable | None = None
        if window:
            self.text = tkinter.StringVar(self.tk, "nothing yet")
            tkinter.Label(self.tk, textvariable=self.text, width=40).pack()
            tkinter.Button(self.tk, text="Drop all", command=lambda: greenrt.spawn(self.drop_all)).pack()
            self.tk.protocol("WM_DELETE_WINDOW", self.closed.set)
        self.tk.after(PERIOD, self.show)

    def echo(self, connection: socket.socket, address: tuple[str, int]) -> None:
        """Send back all received bytes; runs in a greenlet for each connection."""
        self.connections.add(connection)
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
                self.echoed += len(data)
                if data == b"quit\n":
                    self.closed.set()
        except OSError:
            pass  # the client left, or the button dropped it
        finally:
            self.connections.discard(connection)

    def drop_all(self) -> None:
        """Close all connections.

        Runs in a greenlet, because the functions that Tk calls run in the hub and must not wait.
        """
        for connection in list(self.connections):
            connection.shutdown(socket.SHUT_RDWR)

    def show(self) -> None:
        """Show a changed count; Tk calls this."""
        if self.echoed != self.shown:
            self.shown = self.echoed
            line = f"{self.shown} bytes echoed, {len(self.connections)} connections"
            if self.text is None:
                print(line, flush=True)
            else:
                self.text.set(line)
        self.tk.after(PERIOD, self.show)

    def run(self) -> None:
        """Serve until the window is closed, or a client sends the line ``quit``."""
        with self.server, greenrt.get_hub().loop.embed() as gui:
            # Each call handles one event; its result says whether there may be more.
            gui.start(self.tk.tk.dooneevent, tkinter._tkinter.DONT_WAIT)
            print(f"listening on 127.0.0.1:{self.server.server_port}", flush=True)
            self.closed.wait()
        if self.text is not None:
            self.tk.destroy()


def main() -> None:
    """Parse the command line, and run."""
    parser = argparse.ArgumentParser(description="A Tk window beside an echo server, in one thread.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    parser.add_argument("--no-window", action="store_true", help="for machines without a display")
    options = parser.parse_args()
    Program(options.port, not options.no_window).run()


if __name__ == "__main__":
    main()
