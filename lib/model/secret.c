#include "model/secret.h"
#include "text/pointer.h"

/* The next password from `at` on: "ada:password@host" after a "://". NULL when there is none. */
static const char *next_password(const char *at, size_t *len)
{
    while ((at = strstr(at, "://"))) {
        at += 3;
        const size_t n = strcspn(at, "/?# \t\r\n\"'<>");
        const char *colon = memchr(at, ':', n), *end = memrchr(at, '@', n);
        if (!colon || !end || end <= colon + 1)
            continue;
        *len = (size_t)(end - colon - 1);
        return colon + 1;
    }
    return NULL;
}

char *secret_hidden(const char *text)
{
    struct buf b = {0};
    size_t len;
    const char *at = text ? next_password(text, &len) : NULL;
    if (!at)
        return NULL;
    for (; at; at = next_password(text, &len)) {
        buf_add(&b, text, (size_t)(at - text) - 1); /* the colon goes, too */
        text = at + len;
    }
    buf_str(&b, text);
    return buf_take(&b);
}

bool secret_is(const json_t *value)
{
    size_t len;
    const char *text = json_string_value(value);
    return text && next_password(text, &len);
}

static void hide(json_t *value, struct pointer *p, json_t *secrets)
{
    const char *key;
    size_t i;
    json_t *v;
    own(str_fini) char *hidden = secret_hidden(json_string_value(value));
    if (hidden) { /* a place too deep for a pointer loses its secret, rather than telling it */
        if (strlen(p->text) == p->len)
            json_object_set_new(secrets, p->text, json_string(json_string_value(value)));
        json_string_set(value, hidden);
    }
    json_object_foreach (value, key, v) {
        const size_t len = pointer_key(p, key);
        hide(v, p, secrets);
        pointer_up(p, len);
    }
    json_array_foreach (value, i, v) {
        const size_t len = pointer_index(p, i);
        hide(v, p, secrets);
        pointer_up(p, len);
    }
}

json_t *secret_take(json_t *doc)
{
    struct pointer p = {0};
    own(json_fini) json_t *secrets = json_object();
    hide(doc, &p, secrets);
    return json_object_size(secrets) ? move(secrets) : NULL;
}

void secret_put(json_t *doc, const json_t *secrets)
{
    const char *pointer;
    json_t *text;
    json_object_foreach ((json_t *)secrets, pointer, text) {
        json_t *value = pointer_find(doc, pointer);
        if (json_is_string(value))
            json_string_set(value, json_string_value(text));
    }
}
