#include "multipart.h"
#include "text/buf.h"
#include "text/json.h"

#define BOUNDARY_MAX 70
#define HEAD_MAX 8192 /* of one part */
#define NAME_MAX_TEXT 255

void parts_fini(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->list[i].name);
        free(p->list[i].filename);
        free(p->list[i].type);
    }
    free(p->list);
    *p = (struct parts){0};
}

/* --- parameters of a header: ; name=token or ; name="quoted" --- */

static size_t blanks(const char *text)
{
    return strspn(text, " \t");
}

/* A token or a quoted string; moves *text behind it. A new string, NULL when it is neither. In
 * quotes a backslash stands before a quote or a backslash only: old browsers send paths. */
static char *read_value(const char **text)
{
    own(buf_fini) struct buf b = {0};
    const char *c = *text;
    buf_str(&b, "");
    if (*c != '"') {
        const size_t n = strcspn(c, "; \t\",=()<>@\\[]");
        buf_add(&b, c, n);
        *text = c + n;
        return n > 0 ? buf_take(&b) : NULL;
    }
    for (c++; *c && *c != '"'; c++) {
        if (*c == '\\' && (c[1] == '"' || c[1] == '\\'))
            c++;
        buf_char(&b, *c);
    }
    if (*c != '"')
        return NULL;
    *text = c + 1;
    return buf_take(&b);
}

/* The parameter `name` of a header's value, behind its first word: 1 and a new string, 0 when it
 * has none, -1 when the header is not as it should be, or has two of it. */
static int find_parameter(const char *value, const char *name, char **found)
{
    own(str_fini) char *its = NULL;
    const char *c = value + strcspn(value, ";");
    while (*c == ';') {
        c += 1 + blanks(c + 1);
        const char *key = c;
        const size_t n = strcspn(c, "= \t;\"");
        if (n == 0 || c[n] != '=')
            return -1;
        c += n + 1;
        own(str_fini) char *text = read_value(&c);
        if (!text)
            return -1;
        c += blanks(c);
        if (strncasecmp(key, name, n) != 0 || name[n])
            continue;
        if (its)
            return -1;
        its = move(text);
    }
    if (*c)
        return -1;
    *found = move(its);
    return *found != NULL;
}

static int read_boundary(const char *type, char **boundary, struct err *err)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "'()+_,-./:=? ";
    own(str_fini) char *found = NULL;
    const int rc = find_parameter(type, "boundary", &found);
    const size_t n = rc > 0 ? strlen(found) : 0;
    if (n == 0 || n > BOUNDARY_MAX || strspn(found, letters) != n || found[n - 1] == ' ')
        return err_set(err, CODE_DATA, "the form has no boundary, of 1 to %d letters",
                       BOUNDARY_MAX);
    *boundary = move(found);
    return 0;
}

/* --- the head of a part --- */

static bool is_text(const char *text)
{
    own(json_fini) json_t *utf8 = json_string(text);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return utf8 != NULL;
}

static int read_disposition(struct part *part, const char *value, struct err *err)
{
    own(str_fini) char *other = NULL;
    if (part->name)
        return err_set(err, CODE_DATA, "a part says twice what it is called");
    if (strncasecmp(value, "form-data", 9) != 0 || !strchr(" \t;", value[9]) ||
        find_parameter(value, "name", &part->name) <= 0 ||
        find_parameter(value, "filename", &part->filename) < 0 ||
        find_parameter(value, "filename*", &other) < 0)
        return err_set(err, CODE_DATA, "expected Content-Disposition: form-data; name=\"...\"");
    if (!part->filename && other)
        part->filename = move(other);
    if (!*part->name || strlen(part->name) > NAME_MAX_TEXT || !is_text(part->name) ||
        (part->filename && !is_text(part->filename)))
        return err_set(err, CODE_DATA, "a part has a name that is none");
    return 0;
}

/* "Content-Type" of "content-type: text/plain": its value, else NULL. */
static const char *value_of(const char *line, const char *name)
{
    const size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    return line + n + 1 + blanks(line + n + 1);
}

static int read_line(struct part *part, const char *line, struct err *err)
{
    const char *value;
    if (!is_text(line) || !strchr(line, ':') || *line == ':')
        return err_set(err, CODE_DATA, "a part has a header that is none");
    if ((value = value_of(line, "Content-Disposition")))
        return read_disposition(part, value, err);
    if ((value = value_of(line, "Content-Type"))) {
        free(part->type);
        part->type = str_new(value);
    }
    if ((value = value_of(line, "Content-Transfer-Encoding")) && strcasecmp(value, "binary") != 0 &&
        strcasecmp(value, "8bit") != 0 && strcasecmp(value, "7bit") != 0)
        return err_set(err, CODE_DATA, "parts are read as they are, not in an encoding");
    return 0;
}

/* From *at to behind the empty line. */
static int read_head(struct part *part, const char **at, const char *end, struct err *err)
{
    const char *last = end - *at > HEAD_MAX ? *at + HEAD_MAX : end;
    while (*at < last) {
        const char *stop = memmem(*at, (size_t)(last - *at), "\r\n", 2);
        const size_t n = stop ? (size_t)(stop - *at) : 0;
        if (!stop || memchr(*at, '\0', n))
            break;
        own(str_fini) char *line = str_print("%.*s", (int)n, *at);
        *at = stop + 2;
        if (n > 0 && read_line(part, line, err) < 0)
            return -1;
        if (n == 0 && !part->name)
            return err_set(err, CODE_DATA, "a part has no name");
        if (n == 0)
            return 0;
    }
    return err_set(err, CODE_DATA, "a part has no end of its head");
}

/* --- all parts --- */

/* Behind a boundary: 1 when a part follows, 0 at the end of all. */
static int read_mark(const char **at, const char *end, struct err *err)
{
    const bool last = end - *at >= 2 && memcmp(*at, "--", 2) == 0;
    const char *c = *at + (last ? 2 : 0);
    while (c < end && (*c == ' ' || *c == '\t'))
        c++;
    if (last && (c == end || (end - c == 2 && memcmp(c, "\r\n", 2) == 0)))
        return 0;
    if (last || end - c < 2 || memcmp(c, "\r\n", 2) != 0)
        return err_set(err, CODE_DATA, "%s",
                       last ? "something stands behind the end of the form"
                            : "a boundary is not at the end of its line");
    *at = c + 2;
    return 1;
}

static int add_part(struct parts *p, const char **at, const char *end, const char *mark,
                    struct err *err)
{
    if (p->n == PARTS_MAX)
        return err_set(err, CODE_DATA, "the form has more than %d parts", PARTS_MAX);
    p->list = mem_grow(p->list, p->n + 1, sizeof(*p->list));
    struct part *part = &p->list[p->n++];
    *part = (struct part){.type = str_new("")};
    if (read_head(part, at, end, err) < 0)
        return -1;
    part->bytes = *at;
    /* an empty part may end with the line break of its head */
    const char *from = *at - 2;
    const char *stop = memmem(from, (size_t)(end - from), mark, strlen(mark));
    if (!stop)
        return err_set(err, CODE_DATA, "the part %s has no end", part->name);
    part->len = stop < *at ? 0 : (size_t)(stop - *at);
    *at = stop + strlen(mark);
    return 0;
}

int multipart_read(struct parts *p, const char *type, const char *body, size_t len, struct err *err)
{
    own(str_fini) char *boundary = NULL;
    const char *at = body, *end = body + len;
    int rc;
    if (read_boundary(type, &boundary, err) < 0)
        return -1;
    own(str_fini) char *mark = str_print("\r\n--%s", boundary);
    const size_t first = strlen(mark) - 2;
    if (len < first || memcmp(body, mark + 2, first) != 0)
        return err_set(err, CODE_DATA, "the form does not begin with its boundary");
    at += first;
    while ((rc = read_mark(&at, end, err)) > 0)
        if (add_part(p, &at, end, mark, err) < 0)
            return -1;
    return rc;
}
