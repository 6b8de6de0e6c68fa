#include <math.h>
#include "text/size.h"

static const struct {
    const char *name;
    double bytes;
} units[] = {
    {"", 1073741824.0},    {"B", 1.0},     {"kB", 1e3},    {"KB", 1e3},
    {"KiB", 1024.0},       {"MB", 1e6},    {"MiB", 1048576.0}, {"GB", 1e9},
    {"GiB", 1073741824.0}, {"TB", 1e12},   {"TiB", 1099511627776.0},
    {"PB", 1e15},          {"PiB", 1125899906842624.0},
};

static int scaled(double v, double scale, bool up, int64_t *out, const char **why)
{
    double n = v * scale;
    /* 0.1 GiB is not a whole number of bytes, and neither is 2.3 * 1000 as a double. */
    double near = nearbyint(n);
    if (fabs(n - near) < 1e-6)
        n = near;
    n = up ? ceil(n) : floor(n);
    if (!(n >= 0) || n > 9e18) {
        *why = "expected a number from 0 up that fits 63 bits";
        return -1;
    }
    *out = (int64_t)n;
    return 0;
}

int size_parse(const json_t *value, bool up, int64_t *bytes, const char **why)
{
    if (json_is_number(value))
        return scaled(json_number_value(value), (double)GIB, up, bytes, why);
    const char *text = json_string_value(value);
    *why = "expected GiB as a number, or a string with a unit like \"16 GB\"";
    if (!text || text[strspn(text, "0123456789.")] == '\0' || text[0] == '\0')
        return -1;
    char *end;
    double v = strtod(text, &end);
    if (end == text || !strchr("0123456789.", text[0]))
        return -1;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < COUNT(units); i++)
        if (strcmp(end, units[i].name) == 0)
            return scaled(v, units[i].bytes, up, bytes, why);
    return -1;
}

int cores_parse(const json_t *value, bool up, int64_t *milli, const char **why)
{
    if (!json_is_number(value)) {
        *why = "expected a number of cores";
        return -1;
    }
    return scaled(json_number_value(value), 1000.0, up, milli, why);
}

json_t *size_json(int64_t bytes)
{
    if (bytes % GIB == 0)
        return json_integer(bytes / GIB);
    return json_real((double)bytes / (double)GIB);
}

json_t *cores_json(int64_t milli)
{
    if (milli % 1000 == 0)
        return json_integer(milli / 1000);
    return json_real((double)milli / 1000.0);
}

char *size_print(int64_t bytes, char text[SIZE_TEXT])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)bytes;
    size_t i = 0;
    while (v >= 1024.0 && i + 1 < COUNT(names)) {
        v /= 1024.0;
        i++;
    }
    snprintf(text, SIZE_TEXT, v >= 100 || v == floor(v) ? "%.0f %s" : "%.1f %s", v, names[i]);
    return text;
}
