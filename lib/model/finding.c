#include "model/finding.h"
#include "text/buf.h"

/* A text cut off, or with a file's name in it, need not be UTF-8, which JSON must be: what was cut
 * in two goes, what is wrong becomes '?'. */
static void make_utf8(char *text)
{
    size_t n = strlen(text), lead = n;
    while (lead > 0 && n - lead < 4 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
        lead--;
    unsigned char c = lead > 0 ? (unsigned char)text[lead - 1] : 0;
    size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    if (want > n - lead + 1)
        text[lead - 1] = '\0';
    own(json_fini) json_t *valid = json_string(text);
    for (char *p = text; !valid && *p; p++)
        if (*p & 0x80)
            *p = '?';
}

struct finding *finding_vadd(struct findings *f, enum severity severity, const char *rule,
                             const char *pointer, const char *fmt, va_list ap)
{
    char text[1024];
    vsnprintf(text, sizeof(text), fmt, ap);
    make_utf8(text);
    f->list = mem_grow(f->list, f->n + 1, sizeof(*f->list));
    f->list[f->n] = (struct finding){
        .severity = severity, .rule = rule, .pointer = str_new(pointer), .text = str_new(text)};
    f->errors += severity == FINDING_ERROR;
    return &f->list[f->n++];
}

struct finding *finding_add(struct findings *f, enum severity severity, const char *rule,
                            const char *pointer, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct finding *added = finding_vadd(f, severity, rule, pointer, fmt, ap);
    va_end(ap);
    return added;
}

void finding_hint(struct finding *f, const char *fmt, ...)
{
    va_list ap;
    char text[1024];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    make_utf8(text);
    free(f->hint);
    f->hint = str_new(text);
}

void finding_amounts(struct finding *f, json_t *asked, json_t *available)
{
    json_decref(f->asked);
    json_decref(f->available);
    f->asked = asked;
    f->available = available;
}

void findings_move(struct findings *to, struct findings *from)
{
    to->list = mem_grow(to->list, to->n + from->n + 1, sizeof(*to->list));
    if (from->n)
        memcpy(to->list + to->n, from->list, from->n * sizeof(*from->list));
    to->n += from->n;
    to->errors += from->errors;
    free(from->list);
    *from = (struct findings){0};
}

void findings_fini(struct findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->list[i].pointer);
        free(f->list[i].text);
        free(f->list[i].hint);
        free(f->list[i].where);
        json_decref(f->list[i].asked);
        json_decref(f->list[i].available);
        free(f->list[i].schema);
    }
    free(f->list);
    *f = (struct findings){0};
}

const char *severity_name(enum severity s)
{
    static const char *const names[] = {"error", "warning", "notice"};
    return names[s];
}

json_t *finding_json(const struct finding *f)
{
    json_t *j = json_pack("{s:s,s:s,s:s,s:s}", "severity", severity_name(f->severity), "rule",
                          f->rule, "pointer", f->pointer, "text", f->text);
    if (f->hint)
        json_object_set_new(j, "hint", json_string(f->hint));
    if (f->where)
        json_object_set_new(j, "where", json_string(f->where));
    if (f->asked)
        json_object_set(j, "asked", f->asked);
    if (f->available)
        json_object_set(j, "available", f->available);
    if (f->schema)
        json_object_set_new(j, "schema", json_string(f->schema));
    if (f->keyword)
        json_object_set_new(j, "keyword", json_string(f->keyword));
    return j;
}

char *finding_line(const struct finding *f)
{
    struct buf b = {0};
    if (f->where)
        buf_print(&b, "%s: ", f->where);
    buf_print(&b, "%s: ", severity_name(f->severity));
    if (*f->pointer)
        buf_print(&b, "%s: ", f->pointer);
    buf_str(&b, f->text);
    if (f->hint)
        buf_print(&b, "; %s", f->hint);
    buf_print(&b, " [%s]", f->rule);
    return buf_take(&b);
}

/* How many single changes (insert, delete, replace, swap of neighbours) lie between a and b. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    size_t row[3][64] = {{0}};
    if (n > 62 || m > 62)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *near_miss(const char *word, const char *const *list)
{
    const char *best = NULL;
    size_t limit = strlen(word) < 3 ? 0 : strlen(word) < 5 ? 1 : 2;
    for (; *list; list++) {
        size_t d = distance(word, *list);
        if (d > 0 && d <= limit) {
            limit = d;
            best = *list;
        }
    }
    return best;
}
