"""Model providers as pure translators: one request, one response and one kind of error, whoever answers.

A *format* knows how a wire speaks (Anthropic's messages, OpenAI's chat completions, Ollama's chat). A *provider* says
where that wire ends and how one is let in. A *sender* puts a request on the wire with the vendor's own SDK. Formats do
no I/O, so that whoever sends by other means puts the same on the wire.
"""
