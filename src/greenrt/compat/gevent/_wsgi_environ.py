"""The environ classes of gevent.pywsgi: dicts for WSGI whose repr may hide values."""

from greenrt._typing import Any

__all__ = ["Environ", "SecureEnviron", "WSGISecureEnviron"]


class Environ(dict[str, Any]):
    """A dict for WSGI environs. It is pickled and copied by `copy.copy` as a plain dict."""

    __slots__ = ()

    def copy(self) -> "Environ":
        """Return a copy of the same class."""
        return type(self)(self)

    def iteritems(self) -> Any:
        """Return `dict.items`."""
        return self.items()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (), None, None, iter(self.iteritems())


class SecureEnviron(Environ):
    """An environ whose repr hides its values, so that no log contains cookies and credentials.

    - `secure_repr`: whether the repr hides values.
    - `whitelist_keys`: the keys whose values the repr shows, a container.
    - `print_masked_keys`: whether the repr shows the keys of hidden values, if there are `whitelist_keys`.

    An instance may set each attribute; otherwise it has the value of the class attribute ``default_<name>``.
    """

    __slots__ = ("print_masked_keys", "secure_repr", "whitelist_keys")

    default_secure_repr: bool = True
    default_whitelist_keys: Any = ()
    default_print_masked_keys: bool = True

    def __getattr__(self, name: str) -> Any:
        if name in SecureEnviron.__slots__:
            return getattr(type(self), f"default_{name}")
        raise AttributeError(name)

    def __repr__(self) -> str:
        if not self.secure_repr:
            return super().__repr__()
        shown = self.whitelist_keys
        if not shown:
            return f"<pywsgi.SecureEnviron dict (keys: {len(self)}) at {id(self)}>"
        masked = self.print_masked_keys
        visible = {key: self[key] if key in shown else "<MASKED>" for key in self if masked or key in shown}
        text = repr(visible)
        hidden = len(self) - len(visible)
        return f"{text[:-1]}, (hidden keys: {hidden})}}" if hidden else text

    __str__ = __repr__


class WSGISecureEnviron(SecureEnviron):
    """A `SecureEnviron` that shows the client's address and the host, and no other keys."""

    default_whitelist_keys: Any = ("REMOTE_ADDR", "REMOTE_PORT", "HTTP_HOST")
    default_print_masked_keys: bool = False
