/* The values of a broker's request, each as a task has it; and what is said of those it has not. */
#include "model/carry.h"
#include "text/buf.h"
#include "text/when.h"

/* --- findings */

/* why: "a reason; what to do" */
void carry_drop(struct part *p, const char *what, const char *why)
{
    size_t n = strcspn(why, ";");
    struct finding *f = finding_add(p->all->findings, FINDING_WARNING, "lossy", p->at->text,
                                    "%s: dropped, %.*s", what, (int)n, why);
    if (why[n])
        finding_hint(f, "%s", why + n + 2);
}

void carry_refuse(struct part *p, const char *rule, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    finding_add(p->all->findings, FINDING_ERROR, rule, p->at->text, "%s: %s",
                pointer_last(p->at->text), text);
}

void carry_refuse_key(struct part *p, const char *key, const char *below)
{
    const char *known[64] = {NULL};
    struct strs steps = {0};
    size_t n = strlen(below);
    for (const struct member *const *table = p->tables; *table; table++)
        for (const struct member *row = *table; row->from; row++)
            if (strncmp(row->from, below, n) == 0 && steps.n < COUNT(known) - 1)
                strs_print(&steps, "%.*s", (int)strcspn(row->from + n, "/"), row->from + n);
    for (size_t i = 0; i < steps.n; i++)
        known[i] = steps.list[i];
    struct finding *f = finding_add(p->all->findings, FINDING_ERROR, "unknown-key", p->at->text,
                                    "unknown key \"%s\"", key);
    const char *near = near_miss(key, known);
    if (near)
        finding_hint(f, "did you mean \"%s\"?", near);
    strs_fini(&steps);
}

/* --- values */

/* Sets the value where `to` says ("spec/mincores"). */
void carry_set(struct part *p, const char *to, json_t *value)
{
    json_t *into = p->to;
    for (const char *slash; (slash = strchr(to, '/')); to = slash + 1) {
        own(str_fini) char *step = str_print("%.*s", (int)(slash - to), to);
        if (!json_is_object(json_object_get(into, step)))
            json_object_set_new(into, step, json_object());
        into = json_object_get(into, step);
    }
    const json_t *before = json_object_get(into, to);
    if (before && !json_equal(before, value))
        carry_refuse(p, "bad-value", "another %s was given before", to);
    json_object_set(into, to, value);
}

/* The same, noting from where it came. */
void carry_put(struct part *p, const char *to, json_t *value)
{
    own(str_fini) char *place = str_print("%s/%s", p->place, to);
    moves_add(p->all->moves, place, p->at->text);
    carry_set(p, to, value);
}

void carry_lose(struct part *p, const char *why, json_t *value)
{
    (void)value;
    carry_drop(p, pointer_last(p->at->text), why);
}

void carry_kind(struct part *p, const char *why, json_t *value)
{
    own(str_fini) char *name = broker_kind(json_string_value(value));
    size_t n = strcspn(why, ";");
    struct finding *f = finding_add(p->all->findings, FINDING_WARNING, "lossy", p->at->text,
                                    "a %s %.*s", name, (int)n, why);
    finding_hint(f, "%s", why + n + 2);
}

void carry_nothing(struct part *p, const char *to, json_t *value)
{
    (void)p;
    (void)to;
    (void)value;
}

static void put_new(struct part *p, const char *to, json_t *value)
{
    carry_put(p, to, value);
    json_decref(value);
}

void carry_digest(struct part *p, const char *to, json_t *value)
{
    const char *s = json_string_value(value);
    if (s && strlen(s) == 64 && s[strspn(s, "0123456789abcdef")] == '\0')
        put_new(p, to, json_sprintf("sha256:%s", s));
    else
        carry_put(p, to, value);
}

/* [REGISTRY/]NAME[:TAG][@DIGEST]: what has a dot or a port before the first slash is a registry. */
static void put_image(struct part *p, const char *to, const char *s)
{
    const char *const keys[] = {"repo", "image", "version", "digest"};
    size_t from[COUNT(keys)] = {0}, len[COUNT(keys)] = {0};
    s += str_begins(s, "docker://") ? strlen("docker://") : 0;
    size_t end = strcspn(s, "@"), slash = strcspn(s, "/");
    from[3] = end + (s[end] == '@');
    len[3] = strlen(s + from[3]);
    if (slash < end && (memchr(s, '.', slash) || memchr(s, ':', slash) ||
                        (slash == strlen("localhost") && str_begins(s, "localhost")))) {
        len[0] = slash;
        from[1] = slash + 1;
    }
    const char *colon = memrchr(s, ':', end);
    if (colon && !memchr(colon, '/', (size_t)(s + end - colon))) {
        from[2] = (size_t)(colon - s) + 1;
        len[2] = end - from[2];
        end = (size_t)(colon - s);
    }
    len[1] = end - from[1];
    for (size_t i = 0; i < COUNT(keys); i++) {
        own(str_fini) char *place = str_print("%s/%s", to, keys[i]);
        if (len[i])
            put_new(p, place, json_stringn(s + from[i], len[i]));
    }
}

void carry_image(struct part *p, const char *to, json_t *value)
{
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    if (n == 0)
        carry_refuse(p, "out-of-range", "expected at least one place of the image");
    for (size_t i = 0; i < n; i++) {
        size_t up = json_is_array(value) ? pointer_index(p->at, i) : p->at->len;
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_string_length(one) || strlen(json_string_value(one)) != json_string_length(one))
            carry_refuse(p, "wrong-type",
                         "expected the place of an image, like \"ghcr.io/ivoa/tool:1\"");
        else if (i == 0)
            put_image(p, to, json_string_value(one));
        else
            carry_drop(p, json_string_value(one), "an image has one place; put the best one first");
        pointer_up(p->at, up);
    }
}

void carry_privileged(struct part *p, const char *to, json_t *value)
{
    (void)to;
    if (json_is_true(value))
        carry_refuse(p, "bad-value", "no program is ever privileged here, expected false");
    else if (!json_is_false(value))
        carry_refuse(p, "wrong-type", "expected true or false");
}

/* Memory and storage are counted in GiB, say the broker's schemas; so are ours. */
void carry_units(struct part *p, const char *to, json_t *value)
{
    (void)to;
    if (!str_same(json_string_value(value), "GiB"))
        carry_refuse(p, "bad-value", "expected GiB, a broker's request knows no other unit");
}

void carry_bytes(struct part *p, const char *to, json_t *value)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        put_new(p, to, json_sprintf("%" JSON_INTEGER_FORMAT " B", json_integer_value(value)));
    else
        carry_refuse(p, "wrong-type", "expected a number of bytes");
}

void carry_checksum(struct part *p, const char *to, json_t *value)
{
    static const char *const known[][2] = {{"SHA256", "sha256"},
                                           {"SHA-256", "sha256"},
                                           {"MD5", "md5"},
                                           {"ADLER32", "adler32"},
                                           {"CRC32C", "crc32c"}};
    const char *type = json_text(value, "type"), *sum = json_text(value, "value");
    for (size_t i = 0; type && sum && i < COUNT(known); i++) {
        if (strcasecmp(type, known[i][0]) != 0)
            continue;
        own(str_fini) char *text = str_print("%s:%s", known[i][1], sum);
        for (char *c = text; *c; c++)
            *c |= *c >= 'A' && *c <= 'F' ? 0x20 : 0;
        put_new(p, to, json_string(text));
        return;
    }
    if (type && sum)
        carry_drop(p, type, "only sha256, md5, adler32 and crc32c are checked here");
    else
        carry_refuse(p, "wrong-type", "expected a type and a value");
}

void carry_mode(struct part *p, const char *to, json_t *value)
{
    static const char *const modes[][2] = {{"READONLY", "r"}, {"READWRITE", "rw"}};
    for (size_t i = 0; i < COUNT(modes); i++)
        if (str_same(json_string_value(value), modes[i][0])) {
            put_new(p, to, json_string(modes[i][1]));
            return;
        }
    carry_refuse(p, "bad-value", "expected READONLY or READWRITE");
}

/* duration/end, which the broker allows and the Planner (2.4) does not, is counted back. */
void carry_window(struct part *p, const char *to, json_t *value)
{
    const char *s = json_string_value(value), *why;
    size_t n = s ? strcspn(s, "/") : 0;
    struct window w = {0};
    struct duration d;
    char text[WINDOW_TEXT];
    if (!s || *s != 'P' || s[n] != '/') {
        carry_put(p, to, value);
        return;
    }
    own(str_fini) char *length = str_print("%.*s", (int)n, s);
    if (duration_parse(length, &d, NULL, &why) < 0 ||
        when_parse(s + n + 1, &w.to, NULL, &why) < 0) {
        carry_refuse(p, "bad-form", "\"%s\": %s", s, why);
        return;
    }
    if (d.months > 12 * strtol(s + n + 1, NULL, 10)) { /* its year */
        carry_refuse(p, "bad-form", "\"%s\": begins before the year 0", s);
        return;
    }
    w.from = when_add(w.to, (struct duration){-d.months, -d.sec - (d.nsec > 0),
                                              d.nsec ? 1000000000 - d.nsec : 0});
    finding_add(p->all->findings, FINDING_NOTICE, "sloppy-form", p->at->text,
                "\"%s\" is read as %s", s, window_print(w, text));
    put_new(p, to, json_string(text));
}
