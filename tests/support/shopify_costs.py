"""What Shopify counts for a call of its GraphQL APIs."""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_named_type,
    is_leaf_type,
    parse,
)

MUTATION = 10  # points


def requested_cost(schema: GraphQLSchema, query: str, variables: dict[str, Any]) -> int:
    """Before anything is looked up: an object is 1, a scalar 0, and lists are as long as they may be."""
    document = parse(query)
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    (operation,) = (one for one in document.definitions if isinstance(one, OperationDefinitionNode))

    def of(selections: Any, kind: Any) -> int:
        total = 0
        alternatives: dict[str, int] = {}
        for one in selections:
            if isinstance(one, FieldNode):
                total += of_field(one, kind)
                continue
            part = fragments[one.name.value] if isinstance(one, FragmentSpreadNode) else one
            named = part.type_condition.name.value if part.type_condition else kind.name
            cost = of(part.selection_set.selections, schema.get_type(named))
            if named == kind.name or kind.name not in ("Node", "Media"):
                total += cost
            else:
                alternatives[named] = alternatives.get(named, 0) + cost
        return total + max(alternatives.values(), default=0)

    def of_field(field: FieldNode, kind: Any) -> int:
        if field.name.value.startswith("__"):
            return 0
        found = get_named_type(kind.fields[field.name.value].type)
        if is_leaf_type(found):
            return 0
        assert field.selection_set
        inner = of(field.selection_set.selections, found)
        if kind is schema.mutation_type:
            return MUTATION + inner
        if field.name.value in ("nodes", "edges"):
            return inner + 1 if kind.name != "Query" else length(field) * (inner + 1)
        if found.name.endswith("Connection"):
            return length(field) * inner
        return inner + 1

    def length(field: FieldNode) -> int:
        value = next(one.value for one in field.arguments if one.name.value in ("first", "last", "ids"))
        if isinstance(value, VariableNode):
            given = variables[value.name.value]
            return len(given) if isinstance(given, list) else int(given)
        assert isinstance(value, IntValueNode)
        return int(value.value)

    is_mutation = operation.operation is OperationType.MUTATION
    return of(operation.selection_set.selections, schema.mutation_type if is_mutation else schema.query_type)


def actual_cost(data: Any) -> int:
    """Afterwards: the objects that were found."""
    if isinstance(data, list):
        return sum(map(actual_cost, data))
    if not isinstance(data, dict):
        return 0
    return sum(actual_cost(value) + isinstance(value, dict) for value in data.values()) + sum(
        len(value) for value in data.values() if isinstance(value, list) and value and isinstance(value[0], dict)
    )
