"""What a scoring request means: signature, decoding, encoding. Pure, and shared by serving and the journal."""
