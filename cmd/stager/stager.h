/* Moving files: what the parts of execdm-stage know of each other.
 *
 * Everything is a stream that is pulled: a source gives bytes, the stream counts and digests them
 * and compares with what was promised, a destination stores them under a temporary name and puts
 * them in place only when the stream has ended well. URLs are strings; a scheme is a row of one
 * table (transfer.c), and no other place asks which scheme it is. */
#ifndef STAGER_H
#define STAGER_H

#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"
#include <signal.h>
#include <sys/types.h>

#ifdef ONLY_FILES /* execdm-stage-files */
#undef HAVE_ARCHIVE
#undef HAVE_CURL
#undef HAVE_LIBXML2
#endif

#define STAGER_BUFFER (1024 * 1024)
#define CHECKSUM_TEXT 80 /* "sha256:" and 64 digits, and a NUL */

/* Why a transfer failed, as the worker reads it. */
enum reason {
    REASON_NONE,
    REASON_NOTFOUND,
    REASON_EXISTS, /* and we were to make it */
    REASON_DENIED,
    REASON_FORBIDDEN, /* it leads to a private address, and the item is public */
    REASON_NOROOM,
    REASON_CORRUPT,
    REASON_UNREACHABLE,
    REASON_SLOW,
    REASON_INVALID,
    REASON_UNSUPPORTED,
    REASON_MISSING, /* also says "unsupported": this build lacks a library */
    REASON_STOPPED, /* a signal, or nobody reads our answers: never reported as a result */
};

struct fault {
    enum reason reason;
    bool transient;  /* another try may succeed, perhaps much later */
    bool again;      /* and may do so at once: a transfer that broke off */
    bool restart;    /* what came so far cannot be continued */
    long pause;      /* seconds the server asked to wait before it, or 0 */
    char text[1024]; /* lower case, no full stop, names the URL without its secrets */
};

/* Both return -1. fault_sys takes reason and transience from errno and appends what it says. */
int fault_set(struct fault *f, enum reason reason, bool transient, const char *fmt, ...)
    PRINTF(4, 5);
int fault_sys(struct fault *f, const char *fmt, ...) PRINTF(2, 3);
const char *fault_name(const struct fault *f); /* "notfound" */
enum code fault_code(const struct fault *f);   /* the exit code when it is the only answer */

enum direction {
    DIRECTION_PULL,   /* the owner's source, to a local and private place */
    DIRECTION_PUSH,   /* what an untrusted task wrote, to the owner's place */
    DIRECTION_CHECK,  /* would it work? writes nothing */
    DIRECTION_MAKE,   /* a place whose lifecycle is ours (EP-4B): REASON_EXISTS when it is there */
    DIRECTION_REMOVE, /* such a place, and all in it */
    DIRECTION_COPY,   /* SOURCE DEST of a person: as cp would */
};
enum kind { KIND_UNKNOWN, KIND_FILE, KIND_DIRECTORY };
const char *kind_word(enum kind kind);

/* What is asked for: a line of a manifest or a command line. Strings are the asker's. */
struct item {
    const char *source, *dest; /* URLs; one may be NULL for a check */
    const char *checksum;      /* "ALG:HEX" in lower case, or NULL */
    int64_t size;              /* bytes, or -1 */
    int64_t most; /* bytes of a file that is moved, or 0: it may be as large as it is */
    enum direction direction;
    enum kind type;
    bool write; /* check: would writing work? */
    bool unpack;
    bool loose;     /* the checksum only shows that there is nothing to move */
    bool keep;      /* a part that came stays when it fails, and is continued the next time */
    bool batch;     /* the asker makes it last, by one syncfs for many items */
    int jobs;       /* so many files of a directory at a time */
    int credential; /* the descriptor that credentials came by; 0: none did */
    bool foreign;   /* for somebody else: what this account has of them itself is not used */
    bool public;    /* no private address is reached for it */
};

/* One file that was moved. */
struct moved {
    const char *name;     /* below the source */
    const char *location; /* its URL now, without secrets */
    int64_t size;         /* bytes */
    const char *checksum; /* "sha256:HEX" */
};

/* Who is told while it goes on. Each returns 0, or -1 when nobody listens any more: then the
 * transfer stops with REASON_STOPPED. */
struct watcher {
    void *self;
    int (*progress)(void *self, int64_t bytes, int64_t total); /* total -1: unknown */
    int (*file)(void *self, const struct moved *moved);
    int (*warning)(void *self, const char *name, const char *text);
};

struct outcome {
    enum kind kind;
    int64_t bytes; /* -1: not known (a check) */
    int64_t files;
    char checksum[CHECKSUM_TEXT]; /* of a single file, else empty */
};

/* How long it is worth trying: counted from the last time anything new came. */
struct patience {
    int tries;
    int64_t best;  /* bytes that ever came of this file */
    int64_t moved; /* when the last of them did, ms since boot */
};

/* One item under way. */
struct transfer {
    const struct item *item;
    const struct watcher *watcher;
    const struct scheme *from, *to;
    struct outcome out;
    int64_t total; /* bytes to come, or -1 */
    struct patience patience;
};

/* Where bytes come from. Made by a scheme's `open`, ended by source_close. */
struct source {
    enum kind kind;
    int64_t size; /* bytes, or -1; known after begin */
    bool sparse;  /* has holes; known after begin */
    mode_t mode;  /* 0 when the scheme has none */
    dev_t dev;    /* with ino: which file it is; 0 when unknown */
    ino_t ino;
    int fd;         /* the directory to walk, or the file; -1 */
    char *name;     /* the last name; NULL when there is none */
    char *shown;    /* for messages */
    char *promised; /* the checksum that who led us here says it has, or NULL */
    char *scratch;  /* a directory that goes with it, or NULL */
    /* Goes to the first byte; may be called again. */
    int (*begin)(struct source *src, struct fault *f);
    /* Goes on at `offset` when the file is still the one that was begun; else fails with
     * f->restart, so that two versions are never put together. NULL: it cannot. */
    int (*resume)(struct source *src, int64_t offset, struct fault *f);
    char *validator; /* after begin: what tells this version of the file from others, or NULL */
    /* Up to n bytes, 0 at the end, -1. */
    ssize_t (*read)(struct source *src, char *bytes, size_t n, struct fault *f);
    /* Asks for its bytes before it is its turn to begin, without waiting; NULL: it cannot. */
    void (*ahead)(struct source *src);
    void (*close)(struct source *src); /* frees what is its own, but not src */
};
void source_close(struct source **src); /* for own() */

/* The one pass over a source: counts, digests, tells, compares. */
struct stream {
    struct transfer *t;
    struct source *src;
    const char *want; /* expected checksum, or NULL */
    int64_t count;
    struct digest *digest;
    bool ended;                   /* everything came and compared well */
    bool failed;                  /* the fault was set by this side */
    char checksum[CHECKSUM_TEXT]; /* sha256, once ended */
};
int stream_open(struct stream *s, struct transfer *t, struct source *src, struct fault *f);
int stream_rewind(struct stream *s, struct fault *f);
/* Bytes that came at another time stand for the stream's first. -1 when it cannot go on there. */
int stream_skip(struct stream *s, int fd, struct fault *f);
/* The last byte is given out only when size and checksum are right. */
ssize_t stream_read(struct stream *s, char *bytes, size_t n, struct fault *f);
void stream_close(struct stream *s); /* for own() */

/* What is known of a URL that was asked about. */
struct found {
    enum kind kind;
    int64_t size; /* bytes, or -1 */
};

/* One name of a directory that is listed. */
struct entry {
    const char
        *name; /* below the directory: bytes, with slashes; the engine refuses what leads out */
    enum kind kind;
    int64_t size;         /* bytes, or -1 */
    const char *url;      /* where it is; NULL: at its name below the directory's URL */
    const char *checksum; /* "ALG:HEX", or NULL */
    bool loose;           /* it may be of something else: it only shows what need not be moved */
};
typedef int entry_fn(void *self, const struct entry *entry, struct fault *f);

/* A row of the table of schemes. What is NULL the scheme cannot or need not do. */
struct scheme {
    const char *name;
    const char *lacks; /* the library this build was made without; then all else is NULL */
    bool ahead;        /* `open` asks nobody, so it may be called long before `begin` */
    int (*open)(struct transfer *t, const char *url, struct source **src, struct fault *f);
    /* Tells all below a directory that `open` has found, in any order, as deep as it goes. It
     * keeps nothing in memory that grows with their number. */
    int (*list)(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f);
    /* Stores a stream at url; all or nothing. */
    int (*put)(struct stream *s, const char *url, mode_t mode, struct fault *f);
    int (*make)(struct transfer *t, const char *url, struct fault *f); /* a directory */
    /* A directory whose lifecycle is ours; REASON_EXISTS when there is one, or anything, already.
     */
    int (*create)(struct transfer *t, const char *url, struct fault *f);
    /* Such a place and all in it; absent is success. A file when the item's type says so. */
    int (*remove)(struct transfer *t, const char *url, struct fault *f);
    int (*sync)(const char *url, struct fault *f); /* makes a directory and all in it last */
    enum kind (*kind)(const char *url);            /* of what is at a destination */
    /* Opens what is at a destination, to see whether it is already right. */
    struct source *(*present)(const char *url);
    int (*readable)(const char *url, struct found *found, struct fault *f);
    int (*writable)(const char *url, enum kind type, struct fault *f);
};
extern const struct scheme scheme_external, scheme_file, scheme_http, scheme_https, scheme_job,
    scheme_s3, scheme_vos;

/* transfer.c */
extern volatile sig_atomic_t stager_signal; /* the signal that ends us, or 0 */
void stager_catch(void);                    /* from now on signals are only noted there */
void stager_die(void);                      /* if one was: ends by it */
int transfer_run(const struct item *item, const struct watcher *watcher, struct outcome *out,
                 struct fault *f);
#define AHEAD_MAX 8
void transfer_ahead(const struct item *item); /* that will soon be its turn; in order */
void transfer_forget(void); /* in a new process: what was asked for ahead is its parent's */
int transfer_file(struct transfer *t, struct source *src, const char *name, const char *url,
                  struct fault *f);
/* Opens what a URL of whatever scheme names. */
int transfer_open(struct transfer *t, const char *url, struct source **src, struct fault *f);
/* stream.c: after a fault waits, if another try is worth it; `count` bytes have come so far. */
bool transfer_again(struct transfer *t, int64_t count, struct fault *f);
/* transfer.c */
int transfer_warn(struct transfer *t, const char *name, struct fault *f, const char *fmt, ...)
    PRINTF(4, 5);

/* url.c; the caller frees */
char *url_below(const char *base, const char *name); /* keeps a query where it belongs */
char *url_bare(const char *url);                     /* without user, password, query, fragment */
char *url_lasting(const char *url);     /* the same, but ?endpoint= stays: it still leads there */
char *url_name(const char *url);        /* last name, decoded; NULL when none fits */
bool url_is_folder(const char *url);    /* ends in a slash */
bool url_is_secret(const char *url);    /* nobody on the way can read along */
char *url_of_operand(const char *text); /* a URL as it is, a path as file: URL */

/* file.c */
char *file_path(const char *url, struct fault *f);
/* A source for a descriptor at hand, which it takes; st is its stat. */
struct source *file_source(int fd, const char *url, const char *name);
int file_parents(struct transfer *t, const char *path, struct fault *f);
char *file_temp(const char *path); /* a fresh hidden name beside path; the caller frees */

/* web.c and web_file.c, the files that know libcurl: one request and its answer. http: and https:
 * are made of it (http.c), and what speaks http underneath. Strings are the asker's. */
struct web;
struct access {           /* how a place lets us in; each may be NULL */
    const char *user;     /* "name:password", sent to the host of the URL only */
    const char *sign;     /* "aws:amz:REGION:s3": user is key and secret, and signs */
    char *const *headers; /* "Name: value", ending in NULL, of every request */
    bool exact; /* the URL goes as it is, bytes come as they are, redirects are the asker's */
    /* May put a better fault in place of the one the status gave. */
    void (*explain)(const struct web *w, struct fault *f);
};
struct web {
    const char *verb;   /* for messages: "get" */
    const char *method; /* "GET", "PUT", "PROPFIND" */
    const char *url;
    const struct access *access; /* or NULL */
    char *const *headers;        /* of this request, or NULL */
    const char *body;            /* what is sent, or NULL */
    size_t length;
    struct stream *stream; /* or this is sent, all of it */
    /* Takes the body of a good answer: 0, 1 enough of it, -1 with f set. NULL: `said` has it. */
    int (*sink)(void *self, const char *bytes, size_t n, struct fault *f);
    void *self;
    /* the answer */
    long status;     /* 0: none came */
    struct buf head; /* its header lines, each ending in a NUL */
    struct buf said; /* its body, or the first 64 KiB of an error's */
    struct request *request;
};
/* 0: the answer is 2xx. -1 with f set; then `status` may be one the asker knows to deal with. */
int web_run(struct web *w, struct fault *f);
const char *web_header(const struct web *w, const char *name); /* borrowed, or NULL */
void web_fini(struct web *w);
/* A file that is got by GET, resumed by Range and If-Range. Copies access. */
struct source *web_source(const char *url, const struct access *access);
const struct web *web_answer(const struct source *src); /* of it: the answer it reads */
void web_forget(void); /* in a new process: the connections are its parent's */
/* From now on: no private address is reached, or any is. */
void web_choose(const struct item *item);

/* credential.c */
struct credential {
    int fd;               /* it came by */
    char *host;           /* it is for, perhaps with a port; NULL: a person's, for the endpoint */
    char *key, *secret;   /* NULL: none, ask as anybody */
    char *token, *region; /* or NULL */
    char *bearer;         /* another kind of credential, without a key, or NULL */
    char *login;          /* and another, "name:password", or NULL */
    char *refused;        /* why there is none; its host is not asked, or NULL */
    json_t *doc;          /* as it came */
    char *endpoint;       /* of a person, or NULL */
};
int credential_take(int fd);                /* what a manifest names; -1 when it is none */
int credential_configured(struct err *err); /* a person's, of execdm.yaml */
/* From now on those that came by the item's descriptor are given, and what the account has itself
 * is used unless the item is foreign. */
void credential_choose(const struct item *item);
/* The one with keys for a host, *c NULL when there is none. -1: there should be, f says what is
 * wrong. */
int credential_given(const char *host, const struct credential **c, struct fault *f);
const struct credential *credential_person(struct fault *f); /* NULL: wrong, f says how */
bool credential_covers(const char *host, const char *asked);
/* The bearer token for the host of a URL, NULL when there is none, or none that may be sent there.
 * -1: what a person wrote is wrong, f says how. */
int credential_bearer(const char *url, const char **token, struct fault *f);
/* The same for a request over http: or https:: a login or a token, or neither. */
int credential_web(const char *url, const char **login, const char **token, struct fault *f);
/* As JSON, for an executable that moves to and from `host`: the caller frees; NULL when there is
 * none. -1: f says why it must not be asked. */
int credential_text(const char *host, char **text, struct fault *f);

/* xml.c, the one file that knows libxml2: reads piece by piece, in flat memory. Names come without
 * prefix; a document with a DTD is refused. */
struct xml;
/* NULL when this build has no libxml2: then it is REASON_MISSING. */
struct xml *xml_new(void (*start)(void *self, const char *name),
                    void (*end)(void *self, const char *name, const char *text), void *self);
/* Of the element that begins, in `start` only; NULL when it has none. The caller frees. */
char *xml_attribute(const struct xml *x, const char *name);
int xml_add(struct xml *x, const char *bytes, size_t n); /* -1: not well-formed */
int xml_end(struct xml *x);                              /* -1: not well-formed, or not whole */
void xml_free(struct xml *x);

/* dav.c: of http: and https: URLs that end in a slash */
int dav_list(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f);
int dav_readable(const char *url, struct fault *f);
int dav_parents(const char *url, struct fault *f); /* makes what holds url */
int dav_create(struct transfer *t, const char *url, struct fault *f);
int dav_remove(struct transfer *t, const char *url, struct fault *f);

/* external.c: the executable for a scheme of others, or NULL; the caller frees */
char *external_program(const char *scheme);

/* pool.c: items side by side, each in one of a few processes, so that a host that hangs, or the
 * resolver, or a network file system, takes nobody's time but its own. `work` is whatever the owner
 * of the pool means by it. */
struct pool;
struct pool_owner {
    void *self;
    /* In the process: does it. */
    int (*run)(void *self, const char *work, size_t n, const struct watcher *watcher,
               struct outcome *out, struct fault *f);
    void (*ahead)(void *self, const char *work); /* will soon be its turn; may be NULL */
    /* In ours. Each returns 0, or -1 to end all. f is NULL when it went well. */
    int (*progress)(void *self, const char *work, int64_t bytes, int64_t total);
    int (*file)(void *self, const char *work, const struct moved *moved);
    int (*warning)(void *self, const char *work, const char *name, const char *text);
    int (*done)(void *self, const char *work, const struct outcome *out, const struct fault *f);
    int64_t limit_ms; /* for one; 0: none */
    int jobs;         /* so many at a time */
};
struct pool *pool_new(const struct pool_owner *owner);
/* Gives work, which is copied, to a process that is free, and waits for one if need be. Light work
 * may queue behind other light work. -1 when all is to end. */
int pool_give(struct pool *p, const char *work, size_t n, bool light);
int pool_wait(struct pool *p);             /* until all is done */
void pool_free(struct pool *p);            /* ends what is still at work */
int64_t pool_moving(const struct pool *p); /* bytes of what is not yet done */
#define JOBS_DEFAULT 4
#define JOBS_MAX 64

/* tree.c: everything below a file: directory */
int tree_copy(struct transfer *t, struct source *root, const char *dest, struct fault *f);

/* archive.c, the one file that knows libarchive: a `put` that unpacks the stream into url */
int archive_put(struct stream *s, const char *url, mode_t mode, struct fault *f);

/* digest.c, the one file that knows OpenSSL */
struct digest;
#define CHECKSUM_EXPECTED "sha256: and 64 hex digits, md5: and 32, or adler32: or crc32c: and 8"
/* sha256, and beside it the algorithm of `want`, which may be NULL. NULL with f set. */
struct digest *digest_new(const char *want, struct fault *f);
/* Room for what comes next, the digest's. What was read into it may be added beside all else, so it
 * is only looked at once it has been. */
#define DIGEST_BLOCK (512 * 1024)
char *digest_block(struct digest *d);
void digest_add(struct digest *d, const void *bytes, size_t n);
/* The sha256, and whether it is what `want` says. */
char *digest_other(struct digest *d); /* ends only what was beside it; the caller frees */
bool digest_end(struct digest *d, const char *want, char checksum[CHECKSUM_TEXT]);
void digest_free(struct digest *d);
/* "ALG:HEX" in lower case, the caller frees; NULL when it is none. */
char *checksum_parse(const char *text);

/* The two ways to ask. Both return an exit code, or -1 with err set. */
int manifest_run(int jobs, struct err *err);
struct person_asks {
    const char *source, *dest; /* URLs or paths; dest may be NULL for a check */
    const char *checksum;      /* or NULL */
    bool check, resume, json;
    int jobs;
};
int person_run(const struct person_asks *asks, struct buf *out, struct err *err);

#endif
