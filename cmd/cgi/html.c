#include "html.h"
#include "text/doc.h"

void html_fini(struct html *h)
{
    buf_fini(&h->out);
    h->depth = 0;
}

/* HTML, 13.2.3.5: no control characters but blanks, and none of those that are no characters. */
static bool is_character(const unsigned char *s, size_t n)
{
    if (n == 1)
        return *s == '\t' || *s == '\n' || (*s >= 0x20 && *s != 0x7f);
    if (n == 2)
        return s[0] != 0xc2 || s[1] >= 0xa0;
    const bool last = s[n - 2] == 0xbf && (s[n - 1] == 0xbe || s[n - 1] == 0xbf);
    if (n == 3)
        return !(s[0] == 0xef && last) &&
               !(s[0] == 0xef && s[1] == 0xb7 && s[2] >= 0x90 && s[2] <= 0xaf);
    return !(last && (s[1] & 0x0f) == 0x0f);
}

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_bytes(struct html *h, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        const unsigned char *s = (const unsigned char *)bytes + i;
        const size_t length = *s < 0x80 ? 1 : utf8_length(s, n - i);
        const char *entity = entity_of(bytes[i]);
        if (entity)
            buf_str(&h->out, entity);
        else if (length && is_character(s, length))
            buf_add(&h->out, s, length);
        else if (*s != '\r')
            buf_str(&h->out, "\xef\xbf\xbd");
        i += length ? length : 1;
    }
}

void html_text(struct html *h, const char *text)
{
    html_bytes(h, text ? text : "", text ? strlen(text) : 0);
}

void html_print(struct html *h, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    own(str_fini) char *text = str_vprint(fmt, ap);
    va_end(ap);
    html_text(h, text);
}

/* Elements that hold nothing (HTML, 13.1.2). */
static bool is_void(const char *element)
{
    static const char *const names[] = {"br", "hr", "img", "input", "link", "meta"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_same(names[i], element))
            return true;
    return false;
}

static void begin(struct html *h, const char *element, va_list pairs)
{
    const char *name;
    buf_print(&h->out, "<%s", element);
    while ((name = va_arg(pairs, const char *))) {
        const char *value = va_arg(pairs, const char *);
        if (!value)
            continue;
        buf_print(&h->out, " %s=\"", name);
        html_text(h, value);
        buf_char(&h->out, '"');
    }
    buf_char(&h->out, '>');
    if (!is_void(element) && h->depth < HTML_DEPTH)
        h->open[h->depth++] = element;
}

void html_open(struct html *h, const char *element, ...)
{
    va_list pairs;
    va_start(pairs, element);
    begin(h, element, pairs);
    va_end(pairs);
}

void html_close(struct html *h)
{
    if (h->depth == 0)
        return;
    const char *element = h->open[--h->depth];
    buf_print(&h->out, "</%s>", element);
    /* what follows inline elements and such whose blanks are seen goes on in its line */
    static const char *const inlines[] = {"a", "b", "span", "code", "time", "option", "text"};
    for (size_t i = 0; i < COUNT(inlines); i++)
        if (str_same(inlines[i], element))
            return;
    buf_char(&h->out, '\n');
}

void html_leaf(struct html *h, const char *element, const char *text, ...)
{
    va_list pairs;
    va_start(pairs, text);
    begin(h, element, pairs);
    va_end(pairs);
    if (is_void(element))
        return;
    html_text(h, text);
    html_close(h);
}

char *html_number(double value, char text[HTML_NUMBER])
{
    snprintf(text, HTML_NUMBER, "%.2f", value);
    char *end = text + strlen(text);
    while (end > text && end[-1] == '0')
        *--end = '\0';
    if (end > text && end[-1] == '.')
        *--end = '\0';
    return text;
}
