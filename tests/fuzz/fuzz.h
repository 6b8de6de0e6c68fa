/* What every fuzz target begins with. A target is a function of bytes that returns 0 and asserts by
 * must(). tests/fuzz/run links it with libFuzzer; make check links it with replay.c. */
#ifndef FUZZ_H
#define FUZZ_H

#include "text/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that does not hold ends the program as a crash does, which is what a fuzzer looks for.
 */
#define must(promise, ...)                                                                         \
    do {                                                                                           \
        if (!(promise)) {                                                                          \
            fprintf(stderr, "%s:%d: broken: %s: ", __FILE__, __LINE__, #promise);                  \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* document.c: all that is promised of documents read from these bytes, by the YAML reader whatever
 * they begin with or by the door. */
void fuzz_documents(const uint8_t *data, size_t size, bool yaml);

#endif
