#include "text/pointer.h"

size_t pointer_key(struct pointer *p, const char *key)
{
    const size_t before = p->len;
    size_t n = 1;
    for (const char *c = key; *c; c++)
        n += *c == '~' || *c == '/' ? 2 : 1;
    p->len += n;
    if (p->len >= sizeof(p->text))
        return before;
    char *to = p->text + before;
    *to++ = '/';
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            *to++ = '~';
            *to++ = *key == '~' ? '0' : '1';
        } else {
            *to++ = *key;
        }
    }
    *to = '\0';
    return before;
}

size_t pointer_index(struct pointer *p, size_t index)
{
    char number[24];
    size_t at = sizeof(number) - 1;
    number[at] = '\0';
    do /* as printf would, of which a checker of many lists does little else */
        number[--at] = (char)('0' + index % 10);
    while ((index /= 10));
    return pointer_key(p, number + at);
}

void pointer_up(struct pointer *p, size_t len)
{
    p->len = len;
    if (len < sizeof(p->text))
        p->text[len] = '\0';
}

const char *pointer_last(const char *pointer)
{
    const char *slash = strrchr(pointer, '/');
    if (!slash)
        return *pointer ? pointer : "document";
    if (slash == pointer || slash[1] == '\0' || slash[1 + strspn(slash + 1, "0123456789")])
        return slash + 1;
    while (slash > pointer && slash[-1] != '/') /* an item */
        slash--;
    return slash;
}

/* RFC 6901: digits without a leading zero. An index out of range finds nothing. */
static json_t *item_at(const json_t *array, const char *token)
{
    if (token[strspn(token, "0123456789")] != '\0' || (token[0] == '0' && token[1] != '\0'))
        return NULL;
    return *token ? json_array_get(array, strtoul(token, NULL, 10)) : NULL;
}

bool pointer_token(const char **pointer, struct buf *token)
{
    const char *p = *pointer;
    token->len = 0;
    buf_add(token, "", 0);
    if (*p != '/')
        return false;
    for (p++; *p && *p != '/'; p++) {
        if (*p == '~' && (p[1] == '0' || p[1] == '1'))
            buf_char(token, *++p == '0' ? '~' : '/');
        else
            buf_char(token, *p);
    }
    *pointer = p;
    return true;
}

json_t *pointer_find(json_t *doc, const char *pointer)
{
    own(buf_fini) struct buf token = {0};
    while (doc && pointer_token(&pointer, &token))
        doc = json_is_array(doc) ? item_at(doc, token.bytes) : json_object_get(doc, token.bytes);
    return *pointer ? NULL : doc;
}
