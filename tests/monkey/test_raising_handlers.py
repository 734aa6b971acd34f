"""Exceptions of signal handlers end the main thread's wait at once, also while a green thread computes."""

import pytest
from support.child import run_script

# How the main greenlet waits while the thread computes.
WAITS = {
    "Thread.join": "thread.join()",
    "Event.wait": "threading.Event().wait()",
    "Event.wait with a timeout": "threading.Event().wait(60)",
    "Lock.acquire": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "time.sleep": "time.sleep(60)",
    "Queue.get": "queue.Queue().get()",
    "recv": "pair = socket.socketpair(); pair[0].recv(1)",
    "select": "select.select([], [], [], 60)",
    "Popen.wait": "subprocess.Popen(['sleep', '0.4']).wait()",
    "a loop of sleeps": "while True: time.sleep(0.001)",
    "a loop of yields": "while True: time.sleep(0)",
}

PROGRAM = """
import _thread, os, queue, select, signal, socket, subprocess, sys, threading, time
if sys.argv[1] == "patched":
    import greenrt.monkey
    greenrt.monkey.patch_all()

class Raised(BaseException): pass
def handler(number, frame):
    raise Raised
signal.signal(signal.SIGALRM, handler)

class Spinner:
    # Compute without a call that yields, until the main thread sets the flag. `alarm`: raise the signal meanwhile.
    def __init__(self, alarm=False):
        self.stop, self.seen, self.limit = False, [], time.monotonic() + 20
        self.running, self.alarm = False, alarm
    def __call__(self):
        time.sleep(0.005)
        self.running = True
        try:
            if self.alarm: signal.setitimer(signal.ITIMER_REAL, 0.05)
            while not self.stop and time.monotonic() < self.limit: pass
        except BaseException as error:
            self.seen.append(error)
        self.running = False
"""

BREAKS = """
for name, wait in WAITS.items():
    code = compile(wait, name, "exec")
    spinner = Spinner(alarm=True)
    thread = threading.Thread(target=spinner, daemon=True)
    try:
        thread.start()
        exec(code)
    except Raised: outcome = "raised"
    else: outcome = "ended"
    outcome += " while the thread runs" if spinner.running else " late"
    spinner.stop = True
    thread.join()
    print(name, outcome, spinner.seen)
"""


def run_both(script: str) -> str:
    """Return the output of the script, which is the same unpatched."""
    outputs = [run_script(PROGRAM + script, way)[0] for way in ("unpatched", "patched")]
    assert outputs[1] == outputs[0], outputs
    return outputs[1]


def test_a_raising_handler_breaks_every_wait() -> None:
    lines = run_both(f"WAITS = {WAITS!r}\n{BREAKS}").splitlines()
    assert lines == [f"{name} raised while the thread runs []" for name in WAITS]


def test_each_signal_breaks_a_wait() -> None:
    """The thread is never interrupted, and continues each time."""
    run_both("""
spinner = Spinner(alarm=True)
thread = threading.Thread(target=spinner); thread.start()
for number in range(5):
    try:
        if number: signal.setitimer(signal.ITIMER_REAL, 0.05)
        threading.Event().wait()
    except Raised: print("raised", spinner.running)
spinner.stop = True
thread.join()
print(spinner.seen)
""")


def test_ctrl_c_ends_a_program_whose_daemon_computes() -> None:
    run_script(
        PROGRAM
        + """
signal.signal(signal.SIGALRM, signal.default_int_handler)
thread = threading.Thread(target=Spinner(), daemon=True); thread.start()
try:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    thread.join()
except KeyboardInterrupt: os._exit(5)
""",
        "patched",
        code=5,
    )


def test_a_handler_that_interrupts_a_handler() -> None:
    """Its exception propagates from the handler that it interrupts, which runs on behalf of the main thread."""
    run_both("""
def outer(number, frame):
    try: os.kill(os.getpid(), signal.SIGALRM); time.sleep(5)
    except Raised: seen.append("raised in the handler")
seen = []
signal.signal(signal.SIGUSR1, outer)
spinner = Spinner()
# Patched, the main greenlet sees the outcome when the thread ends.
spinner.limit = time.monotonic() + 2
thread = threading.Thread(target=spinner); thread.start()
sender = subprocess.Popen(["sh", "-c", f"sleep 0.1; kill -USR1 {os.getpid()}"])
while not seen: time.sleep(0.01)
spinner.stop = True
thread.join()
sender.wait()
print(seen, spinner.seen)
""")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_thread_that_has_forked_is_the_main_thread_of_the_child() -> None:
    run_script(
        PROGRAM
        + """
import warnings
warnings.simplefilter("ignore")
def fork():
    pid = os.fork()
    if pid: return
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    limit = time.monotonic() + 20
    try:
        while time.monotonic() < limit: pass
    except Raised: os._exit(3)
    os._exit(4)
thread = threading.Thread(target=fork); thread.start()
thread.join()
assert os.waitstatus_to_exitcode(os.wait()[1]) == 3
""",
        "patched",
    )


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    "wait", ["time.sleep(20)", "threading.Event().wait(20)", "first.recv(1)", "other.join()"]
)
def test_a_thread_that_has_forked_is_interrupted_in_its_wait(wait: str) -> None:
    run_script(
        PROGRAM
        + f"""
import warnings
warnings.simplefilter("ignore")
def fork():
    pid = os.fork()
    if pid: return
    first, second = socket.socketpair()
    spinner = Spinner()
    other = threading.Thread(target=spinner, daemon=True); other.start()
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try: {wait}
    except Raised: os._exit(5 if spinner.seen else 3)
    os._exit(4)
thread = threading.Thread(target=fork); thread.start()
thread.join()
assert os.waitstatus_to_exitcode(os.wait()[1]) == 3
""",
        "patched",
    )


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_handlers_have_the_identity_of_the_thread_that_has_forked() -> None:
    run_script(
        PROGRAM
        + """
import warnings
warnings.simplefilter("ignore")
found = []
def handler(number, frame):
    found.append(threading.current_thread() is threading.main_thread())
def fork():
    pid = os.fork()
    if pid: return
    signal.signal(signal.SIGALRM, handler)
    os.kill(os.getpid(), signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    while len(found) < 2: time.sleep(0.01)
    os._exit(3 if found == [True, True] else 4)
thread = threading.Thread(target=fork); thread.start()
thread.join()
assert os.waitstatus_to_exitcode(os.wait()[1]) == 3
""",
        "patched",
    )
