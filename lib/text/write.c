#include <float.h>
#include <math.h>
#include "text/write.h"

/* Characters that JSON may hold as they are and YAML may not, or that end a line in YAML 1.1: what
 * is printed must read the same by any YAML reader. The code point and its length, or 0. */
static unsigned special(const unsigned char *s, size_t *len)
{
    const unsigned two = (s[0] & 0x1fU) << 6 | (s[1] & 0x3fU);
    *len = 2;
    if (s[0] == 0xc2)
        return two < 0xa0 ? two : 0;
    if (s[0] != 0xe2 && s[0] != 0xef)
        return 0;
    const unsigned three = (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
    *len = 3;
    return three == 0x2028 || three == 0x2029 || three == 0xfeff || three >= 0xfffe ? three : 0;
}

/* How many bytes of ASCII stand as they are. */
static size_t plain(const char *s, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        const unsigned char c = (unsigned char)s[n];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return n;
    }
    return len;
}

static void write_text(struct buf *b, const char *s, size_t len)
{
    buf_char(b, '"');
    for (size_t i = 0; i < len; i++) {
        const size_t run = plain(s + i, len - i);
        buf_add(b, s + i, run);
        if ((i += run) == len)
            break;
        unsigned char c = (unsigned char)s[i];
        size_t n;
        const unsigned code = c >= 0x80 ? special((const unsigned char *)s + i, &n) : 0;
        if (code) {
            buf_print(b, "\\u%04x", code);
            i += n - 1;
        } else if (c == '"' || c == '\\')
            buf_print(b, "\\%c", c);
        else if (c == '\n')
            buf_str(b, "\\n");
        else if (c == '\t')
            buf_str(b, "\\t");
        else if (c == '\r')
            buf_str(b, "\\r");
        else if (c < 0x20 || c == 0x7f)
            buf_print(b, "\\u%04x", c);
        else
            buf_char(b, (char)c);
    }
    buf_char(b, '"');
}

static void write_real(struct buf *b, double v)
{
    char s[40];
    /* 15 digits always survive and come without zeros behind; subnormal numbers hold fewer. */
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(s, sizeof(s), "%.*g", digits, v);
        if (strtod(s, NULL) == v)
            break;
    }
    buf_str(b, s);
    if (!strpbrk(s, ".e"))
        buf_str(b, ".0"); /* stays a real when read again */
}

static void new_line(struct buf *b, int indent, int depth)
{
    if (indent)
        buf_print(b, "\n%*s", indent * depth, "");
}

static void write_value(struct buf *b, const json_t *v, int indent, int depth)
{
    const char *key;
    json_t *item;
    size_t i;
    bool first = true;

    switch (json_typeof(v)) {
    case JSON_OBJECT:
        buf_char(b, '{');
        json_object_foreach ((json_t *)v, key, item) {
            if (!first)
                buf_char(b, ',');
            first = false;
            new_line(b, indent, depth + 1);
            write_text(b, key, strlen(key));
            buf_str(b, indent ? ": " : ":");
            write_value(b, item, indent, depth + 1);
        }
        if (!first)
            new_line(b, indent, depth);
        buf_char(b, '}');
        break;
    case JSON_ARRAY:
        buf_char(b, '[');
        json_array_foreach (v, i, item) {
            if (i)
                buf_char(b, ',');
            new_line(b, indent, depth + 1);
            write_value(b, item, indent, depth + 1);
        }
        if (i)
            new_line(b, indent, depth);
        buf_char(b, ']');
        break;
    case JSON_STRING:
        write_text(b, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        buf_print(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        write_real(b, json_real_value(v));
        break;
    case JSON_TRUE:
        buf_str(b, "true");
        break;
    case JSON_FALSE:
        buf_str(b, "false");
        break;
    case JSON_NULL:
        buf_str(b, "null");
        break;
    }
}

void write_json(struct buf *b, const json_t *value, int indent)
{
    write_value(b, value, indent, 0);
}

char *write_string(const json_t *value)
{
    struct buf b = {0};
    write_json(&b, value, 0);
    return buf_take(&b);
}
