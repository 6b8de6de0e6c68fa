#include "text/json.h"

bool json_any(const json_t *v, bool (*is)(const json_t *))
{
    const char *key;
    json_t *item;
    size_t i;
    if (is(v))
        return true;
    if (json_is_object(v))
        json_object_foreach ((json_t *)v, key, item)
            if (json_any(item, is))
                return true;
    if (json_is_array(v))
        json_array_foreach (v, i, item)
            if (json_any(item, is))
                return true;
    return false;
}
