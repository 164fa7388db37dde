"""The second world: hundreds of persons, facts by Zipf frequency, pages whose difficulty follows a stated law."""
