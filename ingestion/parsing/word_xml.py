"""Elements and attributes of WordprocessingML by their names alone: the ordinary and the strict variant have different namespaces."""

from ingestion.parsing.xml_trees import Node, local_name


def value(node: Node | None, name: str = "val") -> str:
    """Return an attribute; empty where there is none."""
    if node is None:
        return ""
    return next((text for key, text in node.attrib.items() if key.rpartition("}")[2] == name), "")


def child(node: Node | None, *path: str) -> Node | None:
    """Return the first child of a name, or the one at the end of a path of names."""
    for name in path:
        node = None if node is None else next((each for each in node if local_name(each) == name), None)
    return node


def is_on(node: Node | None) -> bool:
    """Whether a property that is on or off is there and on."""
    return node is not None and value(node) not in ("0", "false", "off", "none")
