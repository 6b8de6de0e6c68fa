/* Documents in: YAML or JSON from a file or a stream, behind one door with limits.
 *
 * The first byte that is no blank decides: `{`, `[` and `"` are read as JSON and, where that fails,
 * as YAML. A stream holds several documents (YAML `---`, JSON Lines). What JSON cannot say (tags,
 * .nan, .inf, merge keys) is refused, as are duplicate keys, NUL bytes and invalid UTF-8. */
#ifndef TEXT_DOC_H
#define TEXT_DOC_H

#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"

#define DOC_BYTES_MAX (4 * 1024 * 1024)    /* one document */
#define DOC_STREAM_MAX (256 * 1024 * 1024) /* one input */
#define DOC_DEPTH_MAX 64
#define DOC_NODES_MAX 1000000 /* of one document, after aliases are followed */

/* A line of a text: its number from 1, and where it begins. LF, CR LF and CR alone end one. */
struct text_line {
    unsigned number;
    size_t from;
    size_t seen; /* so far no other line was found */
};

/* The bytes of a text from one up to another. */
struct span {
    size_t from, to;
};

/* One input. Opened by input_open or input_bytes, closed by input_close. */
struct input {
    char *name; /* as shown in messages: the path, or "<stdin>" */
    char *bytes;
    size_t len;
    size_t at;        /* JSON: where the next document begins */
    size_t docs;      /* how many were read */
    struct span last; /* the last of them, and the line it begins in */
    struct text_line line;
    bool yaml, ended;
    struct yaml_reader *reader; /* YAML: state kept between documents */
};

/* path NULL or "-" is standard input. Fails with CODE_NOINPUT, CODE_PERM, CODE_IO, CODE_DATA (size,
 * encoding). */
int input_open(struct input *in, const char *path, struct err *err);
/* The same for bytes at hand; they are copied. */
int input_bytes(struct input *in, const char *name, const void *bytes, size_t len, struct err *err);
/* 1 and a new reference in *doc, 0 at the end, -1 with CODE_DATA. An input without any document is
 * an error, not an end. After an error there is nothing more to read. */
int input_next(struct input *in, json_t **doc, struct err *err);
void input_close(struct input *in);

/* Where a JSON pointer stands in the index-th document (from 0) of an input (a member: its key):
 * line and column count from 1, column in bytes. A pointer that is not there gives its nearest
 * ancestor; 0:0 when nothing is known. Reads the document again, so ask only when there is
 * something to say, and about all of it at once. The document read last is found without reading
 * those before it. */
struct place {
    const char *pointer;
    unsigned line, column; /* the answer */
};
void input_places(const struct input *in, size_t index, struct place *places, size_t n);
void input_locate(const struct input *in, size_t index, const char *pointer, unsigned *line,
                  unsigned *column);

/* Reads exactly one document. */
int doc_file(const char *path, json_t **doc, struct err *err);
int doc_bytes(const char *name, const void *bytes, size_t len, json_t **doc, struct err *err);

/* The length of the UTF-8 sequence of two bytes or more at s, of which `room` bytes are there; 0
 * when it is none (overlong, surrogate, too large). */
size_t utf8_length(const unsigned char *s, size_t room);

/* yaml.c and yaml_write.c, the files that know libyaml. yaml_next tells also where the document
 * stands. */
struct yaml_reader *yaml_open(const char *bytes, size_t len);
int yaml_next(struct yaml_reader *r, const char *name, json_t **doc, struct span *span,
              struct err *err);
void yaml_close(struct yaml_reader *r);
/* Appends the value as one YAML document, which reads back as the same. */
void yaml_write(struct buf *b, const json_t *value);
/* doc.c: line and column, from 1, of a byte. */
void doc_line(const char *bytes, size_t at, unsigned *line, unsigned *column);
/* Moves on to the line of a byte at or behind line->seen; begins as {.number = 1}. */
void line_move(struct text_line *line, const char *bytes, size_t at);

#endif
