/* What a client takes (RFC 9110, 12.5.1). */
#include "request.h"

/* The first type of each is what we say; the others are words of clients for the same. */
static const struct {
    enum format format;
    const char *types[6];
} formats[] = {
    {FORMAT_JSON, {"application/json", "application/problem+json", "text/json"}},
    {FORMAT_YAML, {"application/yaml", "text/yaml", "application/x-yaml", "text/x-yaml"}},
    {FORMAT_XML, {"text/xml", "application/xml"}},
    {FORMAT_HTML, {"text/html"}},
    {FORMAT_TEXT, {"text/plain"}},
};

const char *format_type(enum format f)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (formats[i].format == f)
            return formats[i].types[0];
    return "application/octet-stream";
}

/* One media range of the header; moves *accept behind it. */
struct range {
    char type[64];
    double q;
};
static bool next_range(const char **accept, struct range *range)
{
    const char *p = *accept + strspn(*accept, ", \t");
    if (!*p)
        return false;
    const size_t all = strcspn(p, ","), n = strcspn(p, ";, \t");
    const char *q = n < all ? memmem(p + n, all - n, "q=", 2) : NULL; /* never at p itself */
    snprintf(range->type, sizeof(range->type), "%.*s", (int)(n < 63 ? n : 63), p);
    range->q = q && (q[-1] == ';' || q[-1] == ' ') ? strtod(q + 2, NULL) : 1;
    if (!(range->q >= 0 && range->q <= 1))
        range->q = 0;
    *accept = p + all;
    return true;
}

/* How closely a range means a type: 3 by its name, 2 as one of its family, 1 as all, 0 not at all.
 */
static int closeness(const char *range, const char *type)
{
    const size_t n = strcspn(type, "/") + 1;
    if (strcasecmp(range, type) == 0)
        return 3;
    if (strncasecmp(range, type, n) == 0 && str_same(range + n, "*"))
        return 2;
    return str_same(range, "*/*") || str_same(range, "*"); /* the latter is Java's */
}

/* The q of the range that means a format most closely; -1: none does. */
static double liking(const char *accept, const char *const types[6], int *close)
{
    struct range range;
    double q = -1;
    *close = 0;
    while (next_range(&accept, &range))
        for (size_t i = 0; i < 6 && types[i]; i++) {
            int c = closeness(range.type, types[i]);
            if (c > *close || (c == *close && c > 0 && range.q > q)) {
                *close = c;
                q = range.q;
            }
        }
    return q;
}

static bool is_browser(const char *accept)
{
    struct range range;
    size_t n = 0;
    bool html = false;
    for (const char *p = accept; next_range(&p, &range); n++) {
        if (strcasecmp(range.type, "application/xhtml+xml") == 0)
            return true;
        html |= strcasecmp(range.type, "text/html") == 0;
    }
    return html && n == 1;
}

enum format accept_choose_format(const char *accept, unsigned allowed, enum format otherwise)
{
    enum format best = 0;
    double most = 0;
    int closest = 0;
    if (!*(accept + strspn(accept, ", \t")))
        return otherwise;
    const bool browser = is_browser(accept);
    if (browser && (allowed & FORMAT_HTML))
        return FORMAT_HTML;
    for (size_t i = 0; i < COUNT(formats); i++) {
        int close;
        const enum format f = formats[i].format;
        if (!(allowed & f) || (f == FORMAT_HTML && allowed != FORMAT_HTML))
            continue;
        double q = liking(accept, formats[i].types, &close);
        /* who names a type and then takes all wants that one */
        if (q > most ||
            (q == most && q > 0 && (close > closest || (close == closest && f == otherwise)))) {
            most = q;
            closest = close;
            best = f;
        }
    }
    return best;
}

bool request_browser(const struct request *r)
{
    return is_browser(request_header(r, "HTTP_ACCEPT"));
}
