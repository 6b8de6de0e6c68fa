/* What the two files that know libcurl share: a request under way. */
#ifndef STAGER_WEB_PARTS_H
#define STAGER_WEB_PARTS_H

#include <curl/curl.h>
#include "stager.h"

#define SAID_MAX (64 * 1024) /* bytes of what a server says of an error */
/* with one call; half of what a reader of much has room for */
#define RECEIVE_BYTES (256L * 1024)

/* Connections are kept in these, one for what is pulled and one for what is run to its end: the
 * second may pull from the first. What is public has its own: by a redirect libcurl would else go
 * on with a connection that another item has made, without asking where it leads. */
struct links {
    CURLM *pulling, *running;
    CURL *spare; /* of the last request: to make one takes longer than to get a small file */
};
struct request {
    CURL *easy;
    struct links *links;
    struct curl_slist *headers;
    char *shown;
    struct fault *f; /* of the call that drives it */
    bool enough;     /* the body was cut off by us */
    bool failed;     /* f was set by our side */
    bool over;       /* and `result` says how it ended */
    bool public;     /* no private address is reached, */
    bool forbidden;  /* and it led to one */
    CURLcode result;
    char error[CURL_ERROR_SIZE];
};

/* Makes w->request of what w asks for; web_fini ends it. */
int web_request_init(struct web *w, struct fault *f);
long web_status_of(const struct request *r);
/* What became of it, for w->status, too; 0 when the answer is 2xx. */
int web_request_fault(struct web *w, struct fault *f);
/* As far as all requests of the multi get now, without waiting. */
int web_drive(CURLM *multi, struct fault *f);
/* What is compressed by its name is wanted as it is; other encodings are undone. */
bool web_named_compressed(const char *url);

#endif
