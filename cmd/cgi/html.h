/* Writes HTML, and SVG inside of it: elements are opened and closed, and all else is escaped. */
#ifndef CGI_HTML_H
#define CGI_HTML_H

#include "text/buf.h"

#define HTML_DEPTH 32
struct html {
    struct buf out;
    const char *open[HTML_DEPTH]; /* the elements around what comes next; static names */
    size_t depth;
};
void html_fini(struct html *h);

/* <element name="value"...>, pairs of strings and a NULL at their end. An attribute whose value is
 * NULL is left out. Elements that hold nothing (input, meta) are not to be closed. */
#define PAIRS __attribute__((sentinel))
void html_open(struct html *h, const char *element, ...) PAIRS;
void html_close(struct html *h); /* the innermost */
/* An element that holds this text, NULL for none: opened and closed. */
void html_leaf(struct html *h, const char *element, const char *text, ...) PAIRS;
/* Text, at most n bytes of it where n is given. What is no UTF-8 and no character of HTML becomes
 * U+FFFD. */
void html_text(struct html *h, const char *text);
void html_bytes(struct html *h, const char *bytes, size_t n);
void html_print(struct html *h, const char *fmt, ...) PRINTF(2, 3);
/* A number for an attribute of SVG: "12.5". Returns text. */
#define HTML_NUMBER 24
char *html_number(double value, char text[HTML_NUMBER]);

#endif
