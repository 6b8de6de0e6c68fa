/* Formats: ours, which our schemas assert, and the standard's, for --assert-format. */
#include <arpa/inet.h>
#include "model/schema.h"
#include "text/size.h"
#include "text/uri.h"
#include "text/uuid.h"
#include "text/when.h"

static bool is_instant(const json_t *v, const char **why)
{
    struct when w;
    return when_parse(json_string_value(v), &w, NULL, why) == 0;
}

static bool is_duration(const json_t *v, const char **why)
{
    struct duration d;
    return duration_parse(json_string_value(v), &d, NULL, why) == 0;
}

static bool is_window(const json_t *v, const char **why)
{
    struct window w;
    return window_parse(json_string_value(v), &w, NULL, why) == 0;
}

static bool is_size(const json_t *v, const char **why)
{
    int64_t bytes;
    return size_parse(v, false, &bytes, why) == 0;
}

static bool is_uri(const json_t *v, const char **why)
{
    own(str_fini) char *scheme = uri_scheme(json_string_value(v));
    *why = "expected a URI like https://example.org/x";
    return scheme != NULL;
}

/* A URI, or a path that canon.c has yet to make one of. */
static bool is_location(const json_t *v, const char **why)
{
    *why = "expected a URI or a path";
    return json_string_length(v) > 0;
}

static bool is_uuid(const json_t *v, const char **why)
{
    *why = "expected a UUID in lower case";
    return uuid_valid(json_string_value(v));
}

static bool is_mount_path(const json_t *v, const char **why)
{
    const char *s = json_string_value(v);
    *why = "expected an absolute path without . or .. in it, below /";
    if (s[0] != '/' || s[1] == '\0' || strstr(s, "//"))
        return false;
    for (const char *part = s; part; part = strchr(part, '/')) {
        part++;
        size_t n = strcspn(part, "/");
        if ((n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    return true;
}

/* Ours read the draft's sloppy forms, too: the canonical form comes after (canon.c). */
static const struct {
    const char *name;
    bool number; /* may be one, too */
    bool (*is)(const json_t *value, const char **why);
} ours[] = {
    {"date-time", false, is_instant},
    {"duration", false, is_duration},
    {"start-window", false, is_window},
    {"size", true, is_size},
    {"uri", false, is_uri},
    {"location", false, is_location},
    {"image", false, is_location},
    {"uuid", false, is_uuid},
    {"mount-path", false, is_mount_path},
};

/* ---- the standard's (JSON Schema validation, 7.3) ---------------------------------------- */

/* A day the month has not, and a leap second that is not the last one of a UTC day, are what the
 * patterns below cannot see. */
static bool is_real_day(const char *s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const long year = strtol(s, NULL, 10), month = strtol(s + 5, NULL, 10);
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return strtol(s + 8, NULL, 10) <= days[month - 1] + (leap && month == 2);
}

static bool is_real_time(const char *s)
{
    if (!str_begins(s + 6, "60"))
        return true;
    const char *zone = s + strcspn(s, "zZ+-");
    long minutes = strtol(s, NULL, 10) * 60 + strtol(s + 3, NULL, 10);
    if (*zone == '+' || *zone == '-') {
        const long off = strtol(zone + 1, NULL, 10) * 60 + strtol(zone + 4, NULL, 10);
        minutes += *zone == '+' ? -off : off;
    }
    return (minutes + 1440) % 1440 == 23 * 60 + 59;
}

static bool is_real_instant(const char *s)
{
    return is_real_day(s) && is_real_time(s + 11);
}

static bool is_ipv4(const char *s)
{
    struct in_addr a;
    return inet_pton(AF_INET, s, &a) == 1;
}

static bool is_ipv6(const char *s)
{
    struct in6_addr a;
    return inet_pton(AF_INET6, s, &a) == 1;
}

/* What stands in brackets as a URI's host is an IPv6 address, or of a version to come. */
static bool is_host(const char *s)
{
    const char *open = strchr(s, '['); /* which stands nowhere else in a URI */
    if (!open)
        return true;
    own(str_fini) char *inside = str_print("%.*s", (int)strcspn(open + 1, "]"), open + 1);
    return inside[0] == 'v' || inside[0] == 'V' || is_ipv6(inside);
}

static bool is_regex(const char *s)
{
    struct err err = {0};
    struct pattern *p = pattern_new(s, &err);
    pattern_free(p);
    return p != NULL;
}

#define DAY "\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])"
#define CLOCK                                                                                      \
    "([01]\\d|2[0-3]):[0-5]\\d:([0-5]\\d|60)(\\.\\d+)?([zZ]|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define DAYS "(\\d+Y(\\d+M(\\d+D)?)?|\\d+M(\\d+D)?|\\d+D)"
#define HOURS "(\\d+H(\\d+M(\\d+S)?)?|\\d+M(\\d+S)?|\\d+S)"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define HOST LABEL "(\\." LABEL ")*"
#define ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
/* RFC 3986, appendix A; `more` is what an IRI adds (RFC 3987). */
#define HEX2 "%[0-9A-Fa-f]{2}"
#define PCHAR(more) "([A-Za-z0-9._~!$&'()*+,;=:@" more "-]|" HEX2 ")"
#define NOCOLON(more) "([A-Za-z0-9._~!$&'()*+,;=@" more "-]|" HEX2 ")"
#define AUTHORITY(more)                                                                            \
    "(([A-Za-z0-9._~!$&'()*+,;=:" more "-]|" HEX2 ")*@)?"                                          \
    "(\\[[0-9A-Za-z:._~!$&'()*+,;=-]+\\]|([A-Za-z0-9._~!$&'()*+,;=" more "-]|" HEX2 ")*)(:\\d*)?"
#define AFTER(more, private) "(\\?(" PCHAR(more private) "|[/?])*)?(#(" PCHAR(more) "|[/?])*)?$"
#define ROOTED(more)                                                                               \
    "//" AUTHORITY(more) "(/" PCHAR(more) "*)*|/(" PCHAR(more) "+(/" PCHAR(more) "*)*)?"
#define ABSOLUTE(more)                                                                             \
    "[A-Za-z][A-Za-z0-9+.-]*:(" ROOTED(more) "|" PCHAR(more) "+(/" PCHAR(more) "*)*|)"
#define RELATIVE(more) "(" ROOTED(more) "|" NOCOLON(more) "+(/" PCHAR(more) "*)*|)"
#define PRIVATE "\\u{e000}-\\u{f8ff}\\u{f0000}-\\u{10fffd}"
#define BEYOND_ASCII "\\u{a0}-\\u{d7ff}\\u{f900}-\\u{fdcf}\\u{fdf0}-\\u{ffef}\\u{10000}-\\u{efffd}"

/* RFC 6570, 2.3 and 2.4 */
#define NAME_CHAR "([A-Za-z0-9_]|" HEX2 ")"
#define VARIABLE NAME_CHAR "(\\.?" NAME_CHAR ")*(\\*|:[1-9]\\d{0,3})?"

/* The pattern first, then the function; either may be missing. */
static struct {
    const char *name, *text;
    bool (*is)(const char *s);
    const char *why;
    struct pattern *pattern; /* kept once it was needed */
} standard[] = {
    {"date", "^" DAY "$", is_real_day, "expected a date like 2023-08-14", NULL},
    {"time", "^" CLOCK "$", is_real_time, "expected a time like 11:30:00Z", NULL},
    {"date-time", "^" DAY "[tT]" CLOCK "$", is_real_instant,
     "expected a date and time like 2023-08-14T11:30:00Z", NULL},
    {"duration", "^P(\\d+W|" DAYS "(T" HOURS ")?|T" HOURS ")$", NULL,
     "expected a duration like PT1H", NULL},
    {"email",
     "^(" ATOM "(\\." ATOM ")*|\"([^\"\\\\]|\\\\.)*\")@(" HOST "|\\[(IPv6:[0-9A-Fa-f:.]+|"
     "((25[0-5]|2[0-4]\\d|1?\\d?\\d)(\\.(?!\\])|(?=\\]))){4})\\])$",
     NULL, "expected an e-mail address", NULL},
    {"hostname", "^(?=.{1,253}$)" HOST "$", NULL, "expected the name of a host", NULL},
    {"ipv4", NULL, is_ipv4, "expected an IPv4 address", NULL},
    {"ipv6", NULL, is_ipv6, "expected an IPv6 address", NULL},
    {"uri", "^" ABSOLUTE("") AFTER("", ""), is_host, "expected a URI like https://example.org/x",
     NULL},
    {"uri-reference", "^(" ABSOLUTE("") "|" RELATIVE("") ")" AFTER("", ""), is_host,
     "expected a URI or a relative reference", NULL},
    {"iri", "^" ABSOLUTE(BEYOND_ASCII) AFTER(BEYOND_ASCII, PRIVATE), is_host, "expected an IRI",
     NULL},
    {"iri-reference",
     "^(" ABSOLUTE(BEYOND_ASCII) "|" RELATIVE(BEYOND_ASCII) ")" AFTER(BEYOND_ASCII, PRIVATE),
     is_host, "expected an IRI or a relative reference", NULL},
    {"uri-template",
     "^([^\\x00-\\x20\\x7f\"<>%\\\\^`{|}]|" HEX2 "|\\{[+#./;?&=,!@|]?" VARIABLE "(," VARIABLE
     ")*\\})*$",
     NULL, "expected a URI template", NULL},
    {"uuid", "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", NULL, "expected a UUID", NULL},
    {"json-pointer", "^(/([^~/]|~[01])*)*$", NULL, "expected a JSON pointer", NULL},
    {"relative-json-pointer", "^(0|[1-9][0-9]*)(#|(/([^~/]|~[01])*)*)$", NULL,
     "expected a relative JSON pointer", NULL},
    {"regex", NULL, is_regex, "expected a regular expression", NULL},
};

static int standard_check(const char *format, const json_t *value, const char **why)
{
    struct err err = {0};
    size_t i = 0;
    while (i < COUNT(standard) && strcmp(standard[i].name, format) != 0)
        i++;
    if (i == COUNT(standard))
        return -1;
    *why = standard[i].why;
    if (!json_is_string(value))
        return 1;
    if (standard[i].is && strlen(json_string_value(value)) != json_string_length(value))
        return 0; /* a NUL in it */
    if (standard[i].text && !standard[i].pattern)
        standard[i].pattern = pattern_new(standard[i].text, &err);
    if (standard[i].pattern && pattern_find(standard[i].pattern, json_string_value(value),
                                            json_string_length(value), &err) <= 0)
        return 0;
    return !standard[i].is || standard[i].is(json_string_value(value));
}

bool format_known(const char *format)
{
    const char *why;
    own(json_fini) json_t *null = json_null();
    return format_check(true, format, null, &why) >= 0;
}

int format_check(bool own, const char *format, const json_t *value, const char **why)
{
    for (size_t i = 0; own && i < COUNT(ours); i++)
        if (strcmp(ours[i].name, format) == 0)
            return !(json_is_string(value) || (ours[i].number && json_is_number(value))) ||
                   ours[i].is(value, why);
    return standard_check(format, value, why);
}
