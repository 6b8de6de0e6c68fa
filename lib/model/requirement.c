#include <ctype.h>
#include "model/requirement.h"
#include "text/buf.h"

static size_t blanks(const char *s)
{
    return strspn(s, " \t");
}

void requirement_fini(struct requirement *r)
{
    free(r->name);
    free(r->versions);
    free(r->marker);
    *r = (struct requirement){0};
}

char *requirement_name(const char *name, size_t len)
{
    struct buf b = {0};
    buf_str(&b, "");
    for (size_t i = 0; i < len; i++) {
        const bool joins = strchr("-_.", name[i]) != NULL;
        if (!joins)
            buf_char(&b, (char)tolower((unsigned char)name[i]));
        else if (b.len && b.bytes[b.len - 1] != '-')
            buf_char(&b, '-');
    }
    return buf_take(&b);
}

/* Without its comment and the blanks at both ends. */
static char *plain_line(const char *line, size_t len)
{
    char *text = str_print("%.*s", (int)len, line);
    char *comment = strchr(text, '#');
    while (comment && comment != text && comment[-1] != ' ' && comment[-1] != '\t')
        comment = strchr(comment + 1, '#');
    if (comment)
        *comment = '\0';
    for (size_t n = strlen(text); n && isspace((unsigned char)text[n - 1]); n--)
        text[n - 1] = '\0';
    memmove(text, text + blanks(text), strlen(text + blanks(text)) + 1);
    return text;
}

/* Without blanks and the parentheses around it. */
static char *plain_versions(const char *s, size_t len)
{
    struct buf b = {0};
    buf_str(&b, "");
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t()", s[i]))
            buf_char(&b, s[i]);
    return buf_take(&b);
}

int requirement_parse(const char *line, size_t len, struct requirement *r, const char **why)
{
    static const char name_chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "._-";
    own(str_fini) char *text = plain_line(line, len);
    const char *at = text;
    *r = (struct requirement){0};
    if (!*at)
        return 0;
    *why = "is an option, which nobody follows here";
    if (*at == '-')
        return -1;
    *why = "is no requirement, expected a name and versions like numpy>=1.20";
    size_t n = strspn(at, name_chars);
    if (n == 0 || !isalnum((unsigned char)at[0]) || !isalnum((unsigned char)at[n - 1]))
        return -1;
    own(str_fini) char *name = requirement_name(at, n);
    at += n + blanks(at + n);
    if (*at == '[') /* extras of a module: what they need is not known */
        at = strchr(at, ']') ? strchr(at, ']') + 1 : at;
    at += blanks(at);
    *why = "names a URL, and jobs have no network";
    if (*at == '@')
        return -1;
    *why = "is no requirement, expected a name and versions like numpy>=1.20";
    n = strcspn(at, ";");
    own(str_fini) char *versions = plain_versions(at, n);
    if (requirement_allows(versions, "1") < 0)
        return -1;
    *r = (struct requirement){.name = move(name), .versions = move(versions)};
    if (at[n] == ';')
        r->marker = str_new(at + n + 1 + blanks(at + n + 1));
    return 0;
}

/* --- versions --- */

/* Where the next number of a release begins, or NULL at its end; *value is 0 there. */
static const char *next_number(const char *s, unsigned long *value)
{
    char *end;
    *value = 0;
    if (!s || !isdigit((unsigned char)*s))
        return NULL;
    *value = strtoul(s, &end, 10);
    return *end == '.' && isdigit((unsigned char)end[1]) ? end + 1 : end;
}

/* A version that leads up to its release is before it: 1.0rc1, 1.0.dev3. One after it is 1.0.post1.
 */
static int stage_of(const char *s)
{
    s += s ? strspn(s, "._-") : 0;
    if (!s || !*s || *s == '+')
        return 0;
    return str_begins(s, "post") || isdigit((unsigned char)*s) ? 1 : -1;
}

/* <0, 0, >0. At most `limit` numbers are looked at, and when it is not 0 nothing behind them. */
static int compare(const char *a, const char *b, size_t limit)
{
    unsigned long x, y;
    a += *a == 'v';
    b += *b == 'v';
    for (size_t i = 0; limit == 0 || i < limit; i++) {
        const bool a_more = isdigit((unsigned char)*a), b_more = isdigit((unsigned char)*b);
        const char *a_next = next_number(a, &x), *b_next = next_number(b, &y);
        if (x != y)
            return x < y ? -1 : 1;
        if (!a_more && !b_more)
            break;
        a = a_next ? a_next : a;
        b = b_next ? b_next : b;
    }
    if (limit)
        return 0;
    int before = stage_of(a), after = stage_of(b);
    return before != after ? before - after : before ? strcmp(a, b) : 0;
}

static size_t numbers(const char *version, size_t len)
{
    size_t n = 1;
    for (size_t i = 0; i < len; i++)
        n += version[i] == '.' && isdigit((unsigned char)version[i + 1]);
    return n;
}

/* One operator and version against another version; -1: none such. */
static int allows_one(const char *text, const char *version)
{
    static const char *const operators[] = {"===", "==", "!=", "<=", ">=", "~=", "<", ">"};
    size_t op = 0;
    while (op < COUNT(operators) && !str_begins(text, operators[op]))
        op++;
    if (op == COUNT(operators))
        return -1;
    const char *bound = text + strlen(operators[op]), *star = strstr(bound, ".*");
    if (!isdigit((unsigned char)bound[*bound == 'v']))
        return -1;
    const size_t whole = numbers(bound, strlen(bound));
    switch (operators[op][0]) {
    case '=':
    case '!': {
        const bool same =
            compare(version, bound, star ? numbers(bound, (size_t)(star - bound)) : 0) == 0;
        return same == (operators[op][0] == '=');
    }
    case '~': /* 1.4.2 or later, and still 1.4 */
        return whole < 2
                   ? -1
                   : compare(version, bound, 0) >= 0 && compare(version, bound, whole - 1) == 0;
    case '<':
        return compare(version, bound, 0) < (operators[op][1] == '=');
    default:
        return compare(version, bound, 0) > -(operators[op][1] == '=');
    }
}

int requirement_allows(const char *versions, const char *version)
{
    int all = 1;
    while (*versions) {
        const size_t n = strcspn(versions, ",");
        own(str_fini) char *one = plain_versions(versions, n);
        const int rc = allows_one(one, version);
        if (rc < 0)
            return -1;
        all &= rc;
        versions += n + (versions[n] == ',');
    }
    return all;
}

bool requirement_skipped(const char *marker, const char *python)
{
    const struct {
        const char *name, *value;
    } known[] = {{"python_version", python}, {"python_full_version", python}};
    for (size_t i = 0; marker && i < COUNT(known); i++) {
        const size_t n = strlen(known[i].name);
        if (!str_begins(marker, known[i].name) || !known[i].value)
            continue;
        const char *at = marker + n + blanks(marker + n), *quote = strpbrk(at, "'\"");
        const char *end = quote ? strchr(quote + 1, *quote) : NULL;
        if (!end || end[1 + blanks(end + 1)])
            return false;
        own(str_fini) char *text =
            str_print("%.*s%.*s", (int)(quote - at), at, (int)(end - quote - 1), quote + 1);
        own(str_fini) char *plain = plain_versions(text, strlen(text));
        return requirement_allows(plain, known[i].value) == 0;
    }
    return false;
}
