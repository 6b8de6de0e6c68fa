/* Formats our schemas assert. */
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

static const struct {
    const char *name;
    bool number; /* may be one, too */
    bool (*is)(const json_t *value, const char **why);
} formats[] = {
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

int format_check(const char *format, const json_t *value, const char **why)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (strcmp(formats[i].name, format) == 0)
            return !(json_is_string(value) || (formats[i].number && json_is_number(value))) ||
                   formats[i].is(value, why);
    return -1;
}
