#include "xml.h"

#define REPLACEMENT "\xef\xbf\xbd"

void xml_begin(struct buf *b)
{
    buf_str(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

/* How a character is written that cannot stand for itself; NULL: it can (XML 1.0, 2.2 and 2.4). A
 * reader would turn white space of an attribute, and a carriage return anywhere, into something
 * else. */
static const char *written(const char *c, bool attribute, size_t *length)
{
    const unsigned char *u = (const unsigned char *)c;
    *length = 1;
    switch (*c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    case '"':
        return attribute ? "&quot;" : NULL;
    case '\n':
        return attribute ? "&#10;" : NULL;
    case '\t':
        return attribute ? "&#9;" : NULL;
    }
    if (u[0] == 0xef && u[1] == 0xbf && u[2] >= 0xbe) { /* U+FFFE, U+FFFF */
        *length = 3;
        return REPLACEMENT;
    }
    return u[0] < 0x20 ? REPLACEMENT : NULL;
}

static void add_text(struct buf *b, const char *text, bool attribute)
{
    const char *plain = text;
    size_t length;
    for (; *text; text += length) {
        const char *instead = written(text, attribute, &length);
        if (!instead)
            continue;
        buf_add(b, plain, (size_t)(text - plain));
        buf_str(b, instead);
        plain = text + length;
    }
    buf_add(b, plain, (size_t)(text - plain));
}

static void begin_tag(struct buf *b, int depth, const char *name,
                      const struct attribute *attributes)
{
    buf_print(b, "%*s<%s", 2 * depth, "", name);
    for (; attributes && attributes->name; attributes++) {
        if (!attributes->value)
            continue;
        buf_print(b, " %s=\"", attributes->name);
        add_text(b, attributes->value, true);
        buf_char(b, '"');
    }
}

void xml_open(struct buf *b, int depth, const char *name, const struct attribute *attributes)
{
    begin_tag(b, depth, name, attributes);
    buf_str(b, ">\n");
}

void xml_close(struct buf *b, int depth, const char *name)
{
    buf_print(b, "%*s</%s>\n", 2 * depth, "", name);
}

void xml_leaf(struct buf *b, int depth, const char *name, const struct attribute *attributes,
              const char *text)
{
    begin_tag(b, depth, name, attributes);
    if (text) {
        buf_char(b, '>');
        add_text(b, text, false);
        buf_print(b, "</%s>\n", name);
    } else {
        buf_str(b, "/>\n");
    }
}
