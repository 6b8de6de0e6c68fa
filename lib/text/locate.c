#include "text/locate.h"
#include "text/doc.h"
#include "text/pointer.h"

size_t steps_key(const struct steps *s, size_t step, const char *key)
{
    if (step == NOWHERE || !s->list[step].below)
        return NOWHERE;
    const json_t *number = json_object_get(s->list[step].below, key);
    return number ? (size_t)json_integer_value(number) : NOWHERE;
}

size_t steps_item(const struct steps *s, size_t step, size_t index)
{
    char number[24];
    if (step == NOWHERE || !s->list[step].below)
        return NOWHERE;
    snprintf(number, sizeof(number), "%zu", index);
    return steps_key(s, step, number);
}

void steps_found(struct steps *s, size_t step, size_t at)
{
    s->list[step].at = at;
}

static size_t steps_new(struct steps *s, size_t upper)
{
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->list = mem_grow(s->list, s->room, sizeof(*s->list));
    }
    s->list[s->n] = (struct step){.upper = upper, .at = NOWHERE};
    return s->n++;
}

/* The last step of a pointer. */
static size_t steps_add(struct steps *s, const char *pointer)
{
    own(buf_fini) struct buf token = {0};
    size_t step = 0;
    while (pointer_token(&pointer, &token)) {
        size_t next = steps_key(s, step, token.bytes);
        if (next == NOWHERE) {
            next = steps_new(s, step);
            if (!s->list[step].below)
                s->list[step].below = json_object();
            json_object_set_new(s->list[step].below, token.bytes, json_integer((json_int_t)next));
        }
        step = next;
    }
    return step;
}

static void steps_fini(struct steps *s)
{
    for (size_t i = 0; i < s->n; i++)
        json_decref(s->list[i].below);
    free(s->list);
}

/* A walk over JSON text known to be valid. */
struct walk {
    const char *bytes;
    size_t at, len;
    struct steps *steps;
};

static void skip_between(struct walk *w)
{
    while (w->at < w->len && strchr(" \t\r\n,:", w->bytes[w->at]))
        w->at++;
}

static void skip_string(struct walk *w)
{
    for (w->at++; w->at < w->len && w->bytes[w->at] != '"'; w->at++)
        if (w->bytes[w->at] == '\\')
            w->at++;
    w->at++;
}

/* Where a key leads to as it is written, in quotes and perhaps with escapes. */
static size_t key_step(const struct walk *w, size_t step, const char *quoted, size_t len)
{
    if (step == NOWHERE || !w->steps->list[step].below)
        return NOWHERE;
    own(json_fini) json_t *key = json_loadb(quoted, len, JSON_DECODE_ANY, NULL);
    return key ? steps_key(w->steps, step, json_string_value(key)) : NOWHERE;
}

static void walk_value(struct walk *w, size_t step)
{
    skip_between(w);
    if (w->at >= w->len)
        return;
    char c = w->bytes[w->at];
    if (c == '"') {
        skip_string(w);
        return;
    }
    if (c != '{' && c != '[') {
        while (w->at < w->len && !strchr(",]} \t\r\n", w->bytes[w->at]))
            w->at++;
        return;
    }
    w->at++;
    for (size_t index = 0;; index++) {
        skip_between(w);
        if (w->at >= w->len || w->bytes[w->at] == '}' || w->bytes[w->at] == ']') {
            w->at++;
            return;
        }
        const size_t from = w->at;
        size_t next;
        if (c == '{') {
            skip_string(w);
            next = key_step(w, step, w->bytes + from, w->at - from);
        } else {
            next = steps_item(w->steps, step, index);
        }
        if (next != NOWHERE)
            steps_found(w->steps, next, from);
        walk_value(w, next);
    }
}

static void json_locate(const char *bytes, size_t len, size_t index, struct steps *steps)
{
    struct walk w = {.bytes = bytes, .len = len, .steps = steps};
    for (size_t i = 0; i < index; i++)
        walk_value(&w, NOWHERE);
    skip_between(&w);
    if (w.at >= w.len)
        return;
    steps_found(steps, 0, w.at);
    walk_value(&w, 0);
}

struct found {
    size_t at, place;
};

static int compare(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* Lines are counted in one go through the text, from the first place to the last. */
static void count_lines(const struct input *in, struct text_line line, struct found *found,
                        struct place *places, size_t n)
{
    qsort(found, n, sizeof(*found), compare);
    for (size_t i = 0; i < n; i++) {
        struct place *p = &places[found[i].place];
        p->line = p->column = 0;
        if (found[i].at == NOWHERE)
            continue;
        line_move(&line, in->bytes, found[i].at);
        p->line = line.number;
        p->column = (unsigned)(found[i].at - line.from + 1);
    }
}

void input_places(const struct input *in, size_t index, struct place *places, size_t n)
{
    struct steps steps = {0};
    const bool last = index + 1 == in->docs;
    const struct span span = last ? in->last : (struct span){0, in->len};
    const struct text_line line = last ? in->line : (struct text_line){.number = 1};
    struct found *found = mem_new((n + 1) * sizeof(*found));
    steps_new(&steps, 0);
    for (size_t i = 0; i < n; i++)
        found[i] = (struct found){steps_add(&steps, places[i].pointer), i};
    (in->yaml ? yaml_locate : json_locate)(in->bytes + span.from, span.to - span.from,
                                           last ? 0 : index, &steps);
    for (size_t i = 0; i < n; i++) {
        size_t step = found[i].at;
        while (step > 0 && steps.list[step].at == NOWHERE)
            step = steps.list[step].upper;
        found[i].at = steps.list[step].at == NOWHERE ? NOWHERE : span.from + steps.list[step].at;
    }
    count_lines(in, line, found, places, n);
    free(found);
    steps_fini(&steps);
}

void input_locate(const struct input *in, size_t index, const char *pointer, unsigned *line,
                  unsigned *column)
{
    struct place place = {.pointer = pointer};
    input_places(in, index, &place, 1);
    *line = place.line;
    *column = place.column;
}
