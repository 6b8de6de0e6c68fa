/* The door: JSON, and YAML where that fails. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_documents(data, size, false);
    return 0;
}
