#include "text/json.h"

bool json_any(const json_t *v, bool (*is)(const json_t *))
{
    json_t *object = (json_t *)v, *item;
    size_t i;
    if (is(v))
        return true;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        if (json_any(json_object_iter_value(at), is))
            return true;
    json_array_foreach (v, i, item)
        if (json_any(item, is))
            return true;
    return false;
}

bool json_lists(const json_t *list, const char *text)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        if (str_same(json_string_value(item), text))
            return true;
    return false;
}
