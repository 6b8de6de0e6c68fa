#include "text/pointer.h"

size_t pointer_key(struct pointer *p, const char *key)
{
    size_t before = p->len, at = p->len;
    const size_t room = sizeof(p->text) - 3;
    if (at < room)
        p->text[at++] = '/';
    for (; *key && at < room; key++) {
        if (*key == '~' || *key == '/') {
            p->text[at++] = '~';
            p->text[at++] = *key == '~' ? '0' : '1';
        } else {
            p->text[at++] = *key;
        }
    }
    p->text[at] = '\0';
    p->len = at;
    return before;
}

size_t pointer_index(struct pointer *p, size_t index)
{
    char number[24];
    snprintf(number, sizeof(number), "%zu", index);
    return pointer_key(p, number);
}

void pointer_up(struct pointer *p, size_t len)
{
    p->len = len;
    p->text[len] = '\0';
}

json_t *pointer_find(json_t *doc, const char *pointer)
{
    while (doc && *pointer == '/') {
        char token[512];
        size_t n = 0;
        for (pointer++; *pointer && *pointer != '/' && n < sizeof(token) - 1; pointer++) {
            if (*pointer == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                token[n++] = *++pointer == '0' ? '~' : '/';
            else
                token[n++] = *pointer;
        }
        token[n] = '\0';
        if (json_is_array(doc)) {
            char *end;
            unsigned long i = strtoul(token, &end, 10);
            doc = n && *end == '\0' ? json_array_get(doc, i) : NULL;
        } else {
            doc = json_object_get(doc, token);
        }
    }
    return doc;
}
