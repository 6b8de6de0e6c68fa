#include "stager.h"

#ifdef HAVE_LIBXML2
#include <libxml/parser.h>

#define TEXT_MAX (64 * 1024) /* of one element */

struct xml {
    xmlParserCtxtPtr parser;
    void (*start)(void *self, const char *name);
    void (*end)(void *self, const char *name, const char *text);
    void *self;
    struct buf text;            /* of the innermost element, while it has no child */
    const xmlChar **attributes; /* of the element that begins, five words each */
    int nattributes;
    bool refused;
};

static void on_start(void *self, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int nspaces, const xmlChar **spaces, int n, int defaulted,
                     const xmlChar **attributes)
{
    struct xml *x = self;
    (void)prefix, (void)uri, (void)nspaces, (void)spaces, (void)defaulted;
    x->text.len = 0;
    x->attributes = attributes;
    x->nattributes = n;
    x->start(x->self, (const char *)name);
    x->nattributes = 0;
}

char *xml_attribute(const struct xml *x, const char *name)
{
    for (const xmlChar **a = x->attributes; a < x->attributes + 5 * x->nattributes; a += 5)
        if (str_same((const char *)a[0], name))
            return str_print("%.*s", (int)(a[4] - a[3]), (const char *)a[3]);
    return NULL;
}

static void on_end(void *self, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml *x = self;
    (void)prefix, (void)uri;
    buf_add(&x->text, "", 0); /* so that there is a NUL */
    x->end(x->self, (const char *)name, x->text.bytes);
    x->text.len = 0;
}

static void on_text(void *self, const xmlChar *text, int n)
{
    struct xml *x = self;
    if (x->text.len + (size_t)n <= TEXT_MAX)
        buf_add(&x->text, text, (size_t)n);
    else
        x->refused = true;
}

/* Entities are a way to make much of little, and to read files: none of the answers has a DTD. */
static void on_dtd(void *self, const xmlChar *name, const xmlChar *external, const xmlChar *place)
{
    struct xml *x = self;
    (void)name, (void)external, (void)place;
    x->refused = true;
}

struct xml *xml_new(void (*start)(void *self, const char *name),
                    void (*end)(void *self, const char *name, const char *text), void *self)
{
    static xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .internalSubset = on_dtd,
    };
    struct xml *x = mem_new(sizeof(*x));
    *x = (struct xml){.start = start, .end = end, .self = self};
    x->parser = xmlCreatePushParserCtxt(&handler, x, NULL, 0, NULL);
    if (x->parser)
        xmlCtxtUseOptions(x->parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    return x;
}

static int feed(struct xml *x, const char *bytes, size_t n, int last)
{
    if (!x->parser || x->refused)
        return -1;
    for (size_t at = 0, piece; at < n || last; at += piece) {
        piece = n - at < 65536 ? n - at : 65536;
        if (xmlParseChunk(x->parser, bytes + at, (int)piece, last) != 0 || x->refused)
            return -1;
        if (last)
            break;
    }
    return 0;
}

int xml_add(struct xml *x, const char *bytes, size_t n)
{
    return feed(x, bytes, n, 0);
}

int xml_end(struct xml *x)
{
    return feed(x, "", 0, 1);
}

void xml_free(struct xml *x)
{
    if (!x)
        return;
    xmlFreeParserCtxt(x->parser);
    buf_fini(&x->text);
    free(x);
}

#else

struct xml *xml_new(void (*start)(void *self, const char *name),
                    void (*end)(void *self, const char *name, const char *text), void *self)
{
    (void)start, (void)end, (void)self;
    return NULL;
}

char *xml_attribute(const struct xml *x, const char *name)
{
    (void)x, (void)name;
    return NULL;
}

int xml_add(struct xml *x, const char *bytes, size_t n)
{
    (void)x, (void)bytes, (void)n;
    return -1;
}

int xml_end(struct xml *x)
{
    (void)x;
    return -1;
}

void xml_free(struct xml *x)
{
    (void)x;
}

#endif
