/* Documents from any bytes: what lib/text/doc.h promises of them. */
#include <math.h>
#include "fuzz.h"
#include "text/buf.h"
#include "text/doc.h"
#include "text/pointer.h"
#include "text/write.h"

#define PLACES 300 /* so many pointers of a document are located; each costs a walk over it */

struct walk {
    struct input *in;
    size_t index, left;
};

/* Lines end as an editor counts them: LF, CR LF, or CR alone. */
static bool is_inside(const struct input *in, unsigned line, unsigned column)
{
    unsigned l = 1;
    size_t i = 0, from = 0;
    for (; i < in->len && l < line; i++)
        if (in->bytes[i] == '\n' || (in->bytes[i] == '\r' && in->bytes[i + 1] != '\n')) {
            l++;
            from = i + 1;
        }
    return l == line && column >= 1 && from + column - 1 <= in->len;
}

static void check_error(const struct input *in, const struct err *err)
{
    unsigned line, column;
    own(json_fini) json_t *text = json_string(err->text);
    must(err->code == CODE_DATA, "code %d", err->code);
    must(*err->text && text, "a text in UTF-8, got \"%s\"", err->text);
    if (sscanf(err->where, "x:%u:%u", &line, &column) == 2)
        must(is_inside(in, line, column), "%s is outside the text", err->where);
    else
        must(str_same(err->where, "x"), "where is \"%s\"", err->where);
}

static int depth_of(const json_t *v)
{
    int deepest = 0;
    const char *key;
    json_t *item;
    size_t i;
    must(!json_is_real(v) || isfinite(json_real_value(v)), "a number JSON does not have");
    json_object_foreach ((json_t *)v, key, item) {
        int d = depth_of(item);
        deepest = d > deepest ? d : deepest;
    }
    json_array_foreach (v, i, item) {
        int d = depth_of(item);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + (json_is_array(v) || json_is_object(v));
}

/* Every value stands inside the text, and never before the value it is in. */
static void check_places(struct walk *w, const json_t *v, struct pointer *at, unsigned upper_line,
                         unsigned upper_column)
{
    unsigned line, column;
    const char *key;
    json_t *item;
    size_t i;
    if (w->left == 0)
        return;
    w->left--;
    input_locate(w->in, w->index, at->text, &line, &column);
    must(line > 0 && is_inside(w->in, line, column), "%s is at %u:%u", at->text, line, column);
    must(line > upper_line || (line == upper_line && column >= upper_column),
         "%s at %u:%u is before what it is in, at %u:%u", at->text, line, column, upper_line,
         upper_column);
    json_object_foreach ((json_t *)v, key, item) {
        size_t up = pointer_key(at, key);
        check_places(w, item, at, line, column);
        pointer_up(at, up);
    }
    json_array_foreach (v, i, item) {
        size_t up = pointer_index(at, i);
        check_places(w, item, at, line, column);
        pointer_up(at, up);
    }
}

/* libyaml gives up on a key of more than 1,024 characters. */
static bool has_long_key(const json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;
    json_object_foreach ((json_t *)v, key, item)
        if (strlen(key) > 150 || has_long_key(item)) /* \u0001 takes six */
            return true;
    json_array_foreach (v, i, item)
        if (has_long_key(item))
            return true;
    return false;
}

static json_t *read_again(const char *text, bool yaml)
{
    struct err err = {0};
    json_t *doc = NULL;
    own(input_close) struct input in = {0};
    must(input_bytes(&in, "x", text, strlen(text), &err) == 0, "%s", err.text);
    in.yaml = yaml;
    must(input_next(&in, &doc, &err) == 1, "printed as %s: %s", text, err.text);
    return doc;
}

/* What is printed reads as what was printed, by both readers, and prints the same again. */
static void check_print(const json_t *doc)
{
    for (int indent = 0; indent <= 2; indent += 2) {
        own(buf_fini) struct buf b = {0}, twice = {0};
        write_json(&b, doc, indent);
        own(json_fini) json_t *again = read_again(b.bytes, false);
        must(json_equal(doc, again), "printed as %s", b.bytes);
        write_json(&twice, again, indent);
        must(str_same(b.bytes, twice.bytes), "%s, again %s", b.bytes, twice.bytes);
        if (has_long_key(doc))
            continue;
        own(json_fini) json_t *as_yaml = read_again(b.bytes, true);
        must(json_equal(doc, as_yaml), "read as YAML otherwise: %s", b.bytes);
    }
}

void fuzz_documents(const uint8_t *data, size_t size, bool yaml)
{
    struct err err = {0};
    own(input_close) struct input in = {0};
    if (input_bytes(&in, "x", data, size, &err) < 0) {
        struct input raw = {.bytes = (char *)data, .len = size};
        unsigned line, column;
        must(sscanf(err.where, "x:%u:%u", &line, &column) == 2, "where is %s", err.where);
        must(err.code == CODE_DATA && *err.text, "code %d", err.code);
        (void)raw;
        return;
    }
    in.yaml = in.yaml || yaml;
    for (;;) {
        own(json_fini) json_t *doc = NULL;
        int rc = input_next(&in, &doc, &err);
        if (rc < 0)
            check_error(&in, &err);
        must((rc > 0) == (doc != NULL), "returned %d", rc);
        if (rc <= 0)
            break;
        must(depth_of(doc) <= DOC_DEPTH_MAX, "%d levels", depth_of(doc));
        check_print(doc);
        struct walk w = {&in, in.docs - 1, PLACES};
        struct pointer at = {0};
        check_places(&w, doc, &at, 0, 0);
    }
    json_t *none = NULL;
    must(input_next(&in, &none, &err) == 0, "more to read behind the end");
}
